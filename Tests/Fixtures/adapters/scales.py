"""Adapters for models/a's network with different scales per layer, and its outputs with each, in Float32.

Run: python scales.py   (writes scales/ beside itself)

scales/metadata: in the form of diffusers' save_lora_weights since 0.34, with rank_pattern, alpha_pattern and rsLoRA; the output is
computed by diffusers after load_lora_adapter of that file. scales/peft: in the form of peft's save_pretrained; the output is computed
by peft. scales/kohya.safetensors: alphas of integer and float types and of shapes [] and [1], and a convolution with lora_mid; the output follows kohya's
definition, W + alpha / rank * up * mid * down, because diffusers applies the first layer's alpha to every layer of such a file.
"""

import json
import shutil
from pathlib import Path

import diffusers
import peft
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from diffusers.training_utils import _collate_lora_metadata
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
OUT = HERE / "scales"
MODEL = HERE.parent / "models/a"
generator = torch.Generator().manual_seed(7)
inputs = load_file(MODEL / "golden.safetensors")
golden = {}


def network():
    return UNet2DConditionModel.from_pretrained(MODEL / "unet", torch_dtype=torch.float32).eval()


@torch.no_grad()
def output(unet):
    return unet(inputs["unet.in"], inputs["unet.t"], inputs["unet.text"]).sample


@torch.no_grad()
def fill(unet):
    for name, parameter in unet.named_parameters():
        if "lora_" in name:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)


SETTINGS = dict(
    r=2, lora_alpha=6, use_rslora=True, target_modules=["to_q", "to_v", "conv1"],
    # The first matching pattern applies: alpha of to_v is 1 in the middle block and 3 elsewhere.
    alpha_pattern={"^mid_block.*to_v": 1, "to_v": 3, r"attn1\.to_[qk]": 8},
    rank_pattern={"conv1": 3, r"down_blocks\.\d+\..*attn2.to_q": 1},
)
unet = network()
unet.add_adapter(LoraConfig(**SETTINGS))
fill(unet)
shutil.rmtree(OUT, ignore_errors=True)
StableDiffusionPipeline.save_lora_weights(
    str(OUT / "metadata"), unet_lora_layers=get_peft_model_state_dict(unet), **_collate_lora_metadata({"unet": unet}))
again = network()
again.load_lora_adapter(str(OUT / "metadata"), prefix="unet", weight_name="pytorch_lora_weights.safetensors")
golden["unet.metadata"] = output(again)

adapted = peft.get_peft_model(network(), LoraConfig(**SETTINGS | {"use_rslora": False}))
fill(adapted)
adapted.save_pretrained(OUT / "peft")
(OUT / "peft/README.md").unlink(missing_ok=True)
golden["unet.peft"] = output(adapted)

unet, tensors = network(), {}
ALPHAS = [torch.tensor(4), torch.tensor([1], dtype=torch.int32), torch.tensor(3.0, dtype=torch.float64), torch.tensor([2.5]), torch.tensor(-1, dtype=torch.int8)]
with torch.no_grad():
    layers = [(name, module) for name, module in unet.named_modules() if name.endswith(("attn1.to_k", "ff.net.2", "conv2"))]
    for index, (name, module) in enumerate(layers):
        rank, weight, flat = index % 3 + 1, module.weight, "lora_unet_" + name.replace(".", "_")
        alpha = ALPHAS[index % len(ALPHAS)]
        def random(*shape):
            return torch.randn(*shape, generator=generator) * 0.1
        if weight.ndim == 2:
            down, up = random(rank, weight.shape[1]), random(weight.shape[0], rank)
            change = up @ down
        elif index % 2 == 0:
            down, up = random(rank, weight.shape[1], 3, 3), random(weight.shape[0], rank, 1, 1)
            change = torch.einsum("or,rihw->oihw", up[:, :, 0, 0], down)
        else:
            down, up = random(rank, weight.shape[1], 1, 1), random(weight.shape[0], rank, 1, 1)
            middle = random(rank, rank, 3, 3)
            tensors[f"{flat}.lora_mid.weight"] = middle
            change = torch.einsum("op,pqhw,qi->oihw", up[:, :, 0, 0], middle, down[:, :, 0, 0])
        tensors |= {f"{flat}.lora_down.weight": down, f"{flat}.lora_up.weight": up, f"{flat}.alpha": alpha}
        weight += float(alpha.reshape(())) / rank * change
assert any("lora_mid" in name for name in tensors)
save_file({k: v.clone() for k, v in tensors.items()}, OUT / "kohya.safetensors")
golden["unet.kohya"] = output(unet)
plain = output(network())
for name, value in golden.items():
    print(name, float((value - plain).abs().max() / plain.std()))
versions = {"torch": torch.__version__, "peft": peft.__version__, "diffusers": diffusers.__version__}
save_file(golden, OUT / "golden.safetensors", metadata=versions)
