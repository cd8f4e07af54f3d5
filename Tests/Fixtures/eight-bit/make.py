"""All 256 numbers of PyTorch's two 8-bit floating-point types, with their Float32 values.

Run: python make.py   (writes numbers.safetensors beside itself)
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

bits = torch.arange(256, dtype=torch.uint8)
tensors = {}
for name, dtype in [("e4m3", torch.float8_e4m3fn), ("e5m2", torch.float8_e5m2)]:
    tensors[name] = bits.view(dtype).clone()
    tensors[f"{name}.float"] = tensors[name].float()
save_file(tensors, Path(__file__).parent / "numbers.safetensors", metadata={"torch": torch.__version__})
