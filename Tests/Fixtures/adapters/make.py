"""A peft adapter over models/a's network, and what the network computes with it in Float32.

Run: python make.py   (writes adapter/ as peft saves it, and golden.safetensors, beside itself)
"""

from pathlib import Path

import peft
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
MODEL = HERE.parent / "models/a"
generator = torch.Generator().manual_seed(0)
unet = UNet2DConditionModel.from_pretrained(MODEL / "unet", torch_dtype=torch.float32).eval()
network = peft.get_peft_model(
    unet, LoraConfig(r=2, lora_alpha=3, target_modules=["to_q", "to_out.0", "conv1", "proj_in"])
)
with torch.no_grad():
    for name, parameter in network.named_parameters():
        if "lora_" in name:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    inputs = load_file(MODEL / "golden.safetensors")
    output = network(inputs["unet.in"], inputs["unet.t"], inputs["unet.text"]).sample
network.save_pretrained(HERE / "adapter")
(HERE / "adapter" / "README.md").unlink(missing_ok=True)
save_file({"unet.out": output}, HERE / "golden.safetensors", metadata={"torch": torch.__version__, "peft": peft.__version__})
