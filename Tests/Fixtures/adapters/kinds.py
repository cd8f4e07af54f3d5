"""Adapters of other kinds than LoRA for models/a's network, and its outputs with each, in Float32.

Run: python kinds.py   (writes kinds/ beside itself)

kinds/dora, kinds/loha…, kinds/lokr…: as peft's save_pretrained writes them, on linear layers and convolutions; the outputs are peft's.
kinds/lycoris-*.safetensors: as LyCORIS's networks write them, with alphas; the differences and DoRA's norms, per output or per input, are
computed by LyCORIS's functions.
"""

import shutil
from importlib.metadata import version
from pathlib import Path

import peft
import torch
from diffusers import UNet2DConditionModel
from lycoris.functional import loha
from lycoris.modules.locon import weight_decompose
from lycoris.modules.lokr import kron_weight
from peft import LoHaConfig, LoKrConfig, LoraConfig
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
OUT = HERE / "kinds"
MODEL = HERE.parent / "models/a"
generator = torch.Generator().manual_seed(11)
inputs = load_file(MODEL / "golden.safetensors")
golden = {}
shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir()


def network():
    return UNet2DConditionModel.from_pretrained(MODEL / "unet", torch_dtype=torch.float32).eval()


@torch.no_grad()
def output(unet):
    return unet(inputs["unet.in"], inputs["unet.t"], inputs["unet.text"]).sample


TARGETS = ["attn1.to_q", "attn2.to_k", "proj_in", "conv1"]
PEFT = {
    "dora": LoraConfig(r=2, lora_alpha=3, use_dora=True, target_modules=TARGETS),
    "loha": LoHaConfig(r=2, alpha=3, target_modules=TARGETS, use_effective_conv2d=True, alpha_pattern={"to_q": 5}),
    "loha-flat": LoHaConfig(r=3, alpha=2, target_modules=["conv2"]),
    "lokr": LoKrConfig(r=2, alpha=3, target_modules=TARGETS, use_effective_conv2d=True),
    "lokr-both": LoKrConfig(r=1, alpha=2, target_modules=["to_v", "conv2"], decompose_both=True, decompose_factor=4),
    "lokr-whole": LoKrConfig(r=16, alpha=8, target_modules=["to_v", "conv2"]),
}
for name, config in PEFT.items():
    adapted = peft.get_peft_model(network(), config)
    with torch.no_grad():
        for key, parameter in adapted.named_parameters():
            if "lora_magnitude" in key:
                parameter.mul_(1 + torch.rand(parameter.shape, generator=generator))
            elif any(part in key for part in ("lora_", "hada_", "lokr_")):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    adapted.save_pretrained(OUT / name)
    (OUT / name / "README.md").unlink(missing_ok=True)
    golden[name] = output(adapted)


def random(*shape, scale=0.3):
    return torch.randn(*shape, generator=generator) * scale


def change(kind, weight, rank, tensors):
    """Fills in the tensors of one layer; returns its difference before alpha / rank."""
    outputs, ins, *kernel = weight.shape
    spatial = tuple(kernel) if kernel and kernel != [1, 1] else None
    if kind == "loha":
        if spatial:
            w1a, w2a = random(rank, outputs), random(rank, outputs)
            w1b, w2b = random(rank, ins), random(rank, ins)
            t1, t2 = random(rank, rank, *spatial), random(rank, rank, *spatial)
            tensors |= {"hada_t1": t1, "hada_t2": t2}
        else:
            w1a, w1b, w2a, w2b = random(outputs, rank), random(rank, ins), random(outputs, rank), random(rank, ins)
            t1 = t2 = None
        difference = loha.diff_weight(w1b, w1a, w2b, w2a, t1, t2, gamma=1.0)
        tensors |= {"hada_w1_a": w1a, "hada_w1_b": w1b, "hada_w2_a": w2a, "hada_w2_b": w2b}
        return difference.reshape(weight.shape)
    if kind == "lokr":
        a, b, c, d = 2, outputs // 2, 2, ins // 2
        tensors["lokr_w1"] = w1 = random(a, c)
        if spatial:
            w2a, w2b, t2 = random(rank, b), random(rank, d), random(rank, rank, *spatial)
            tensors["lokr_t2"] = t2
        else:
            w2a, w2b, t2 = random(b, rank), random(rank, d), None
        tensors |= {"lokr_w2_a": w2a, "lokr_w2_b": w2b}
        difference = kron_weight(w1, None, None, None, w2a, w2b, t2, scale=1.0)
        return difference.reshape(weight.shape)
    if kind == "diff":
        tensors["diff"] = random(*weight.shape)
        return tensors["diff"]
    tensors["lora_down.weight"] = down = random(rank, *weight.shape[1:])
    tensors["lora_up.weight"] = up = random(outputs, rank, *([1] * len(kernel)))
    return (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)


@torch.no_grad()
def lycoris_file(name, kind, norms):
    unet, file = network(), {}
    for index, (path, module) in enumerate(unet.named_modules()):
        if not path.endswith(("attn1.to_k", "ff.net.2", "conv2", "proj_out")):
            continue
        weight, rank, alpha, tensors = module.weight, index % 2 + 2, index % 3 + 1.0, {}
        difference = change(kind, weight, rank, tensors)
        if kind == "diff":
            scale = 1
        else:
            tensors["alpha"], scale = torch.tensor(alpha), alpha / rank
        weight += difference * scale
        if norms == "outputs":
            norm = weight.flatten(1).norm(dim=1).reshape(-1, *[1] * (weight.dim() - 1))
        elif norms == "inputs":
            norm = weight.transpose(0, 1).flatten(1).norm(dim=1).reshape(1, -1, *[1] * (weight.dim() - 2))
        if norms:
            tensors["dora_scale"] = norm * (1 + torch.rand(norm.shape, generator=generator))
            weight.copy_(weight_decompose(weight, tensors["dora_scale"], 1, norms == "outputs"))
        file |= {f"lora_unet_{path.replace('.', '_')}.{key}": tensor for key, tensor in tensors.items()}
    save_file({k: v.contiguous() for k, v in file.items()}, OUT / f"lycoris-{name}.safetensors")
    golden[f"lycoris-{name}"] = output(unet)


lycoris_file("loha", "loha", None)
lycoris_file("lokr", "lokr", None)
lycoris_file("diff", "diff", None)
lycoris_file("dora-outputs", "lora", "outputs")
lycoris_file("dora-inputs", "lora", "inputs")
lycoris_file("loha-dora", "loha", "inputs")
plain = output(network())
for name, tensor in golden.items():
    print(name, ((tensor - plain).norm() / plain.norm()).item())
versions = {name: version(name) for name in ("torch", "peft", "diffusers", "lycoris-lora")}
save_file(golden, OUT / "golden.safetensors", metadata=versions)
