"""Weights quantised to 8-bit integers per output channel by PyTorch, and a product and a convolution with the dequantised weights.

Run: python make.py   (writes quantized.safetensors beside itself)
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

torch.manual_seed(0)
tensors = {}
for name, shape in [("linear", (19, 37)), ("convolution", (12, 5, 3, 3))]:
    # Outputs of very different sizes: one scale for all would lose the small ones.
    sizes = 10.0 ** torch.linspace(-3, 1, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    weight = torch.randn(shape) * sizes
    scale = weight.abs().amax(dim=tuple(range(1, len(shape)))) / 127
    quantized = torch.quantize_per_channel(weight, scale, torch.zeros_like(scale, dtype=torch.int64), 0, torch.qint8)
    tensors[f"{name}.weight"] = weight
    tensors[f"{name}.scale"] = scale
    tensors[f"{name}.integers"] = quantized.int_repr()
    tensors[f"{name}.dequantized"] = quantized.dequantize()
tensors["linear.x"] = torch.randn(7, 37)
tensors["linear.y"] = torch.nn.functional.linear(tensors["linear.x"], tensors["linear.dequantized"])
tensors["convolution.x"] = torch.randn(2, 5, 9, 8)
tensors["convolution.y"] = torch.nn.functional.conv2d(
    tensors["convolution.x"], tensors["convolution.dequantized"], padding=1)
save_file(
    {name: tensor.contiguous() for name, tensor in tensors.items()},
    Path(__file__).parent / "quantized.safetensors", metadata={"torch": torch.__version__})
