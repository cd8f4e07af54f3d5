"""Two adapters for models/a's network, and its outputs with the first and with both, in Float32.

Run: python make.py   (writes adapter/ as peft saves it, second/ in diffusers' layout, and golden.safetensors, beside itself)
"""

from pathlib import Path

import peft
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig
from peft.tuners.lora import LoraLayer
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

# The first adapter with weight 0.8 and another with -0.5, both active at once.
network.add_adapter("second", LoraConfig(r=4, lora_alpha=4, target_modules=["to_q", "to_v", "ff.net.2"]))
second = {}
with torch.no_grad():
    for name, parameter in network.named_parameters():
        if ".second." in name:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
            second[name.replace("base_model.model.", "unet.").replace(".second.", ".")] = parameter.clone()
    network.base_model.set_adapter(["default", "second"])
    for module in network.modules():
        if isinstance(module, LoraLayer):
            module.set_scale("default", 0.8)
            module.set_scale("second", -0.5)
    both = network(inputs["unet.in"], inputs["unet.t"], inputs["unet.text"]).sample
(HERE / "second").mkdir(exist_ok=True)
save_file(second, HERE / "second/pytorch_lora_weights.safetensors", metadata={"format": "pt"})
golden = {"unet.out": output, "unet.both": both}
save_file(golden, HERE / "golden.safetensors", metadata={"torch": torch.__version__, "peft": peft.__version__})
