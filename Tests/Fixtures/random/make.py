"""Random numbers of torch's CPU generator.

Run: python make.py   (writes random.safetensors beside itself)
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
tensors = {}
for seed in (0, 42, 2**32 - 1):
    torch.manual_seed(seed)
    tensors[f"{seed}.short"] = torch.randn(5)
    tensors[f"{seed}.shorter"] = torch.randn(2)
    tensors[f"{seed}.exact"] = torch.randn(4, 16)
    tensors[f"{seed}.ragged"] = torch.randn(37)
    tensors[f"{seed}.after"] = torch.randn(3)
    tensors[f"{seed}.uniform"] = torch.rand(9)
    tensors[f"{seed}.integers"] = torch.randint(20, 981, (700,)).int()
    tensors[f"{seed}.permutation"] = torch.randperm(50).int()
save_file(tensors, HERE / "random.safetensors", metadata={"torch": torch.__version__})
