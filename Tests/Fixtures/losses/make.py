"""Gradients of VSD, DMD and SiD on a small random network with PyTorch, diffusers and peft in Float64.

Run: python make.py   (reads ../distillation/unet, writes golden.safetensors beside itself)

The teacher is the network, the student a copy with its input convolution doubled, and the fake score the network with low-rank adapters
whose B is not zero. Each loss is implemented as in its official code: VSD and DMD as a surrogate loss with a detached target, SiD as
an objective that autograd differentiates through both networks.
"""

import copy
from pathlib import Path

import diffusers
import peft
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig
from safetensors.torch import save_file

HERE = Path(__file__).parent
BATCH, RANK, SCALE, ALPHA_BAR_T = 3, 4, 1.6875, 0.0047
generator = torch.Generator().manual_seed(1)


def randn(*shape):
    return torch.randn(*shape, generator=generator).double()


teacher = UNet2DConditionModel.from_pretrained(HERE.parent / "distillation" / "unet").double().eval()
student = copy.deepcopy(teacher)
with torch.no_grad():
    student.conv_in.weight.mul_(2)
teacher.requires_grad_(False)
teacher.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK * SCALE, target_modules=["to_q", "to_v"]))
golden = {}
with torch.no_grad():
    for name, parameter in teacher.named_parameters():
        if "lora" in name:
            parameter.copy_(randn(*parameter.shape) * 0.4)
            golden[f"adapter.{name.replace('.default.', '.')}"] = parameter.detach().clone()
teacher.requires_grad_(False)

z, noise, c, null = randn(BATCH, 4, 8, 8), randn(BATCH, 4, 8, 8), randn(BATCH, 6, 10), randn(1, 6, 10)
t = torch.tensor([60, 430, 850])
alpha_bar = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64).square()
alpha_bar = torch.cumprod(1 - alpha_bar, 0)
a = alpha_bar[t].sqrt().view(-1, 1, 1, 1)
s = (1 - alpha_bar[t]).sqrt().view(-1, 1, 1, 1)


def epsilon(x, kappa, fake):
    teacher.enable_adapters() if fake else teacher.disable_adapters()
    conditional = teacher(x, t, c).sample
    if kappa == 1:
        return conditional
    unconditional = teacher(x, t, null.expand(BATCH, -1, -1)).sample
    return unconditional + kappa * (conditional - unconditional)


def original(x, kappa, fake):
    return (x - s * epsilon(x, kappa, fake)) / a


def vsd(x0, kappa_teacher, kappa_fake):
    with torch.no_grad():
        x = a * x0 + s * noise
        g = s**2 * (epsilon(x, kappa_teacher, False) - epsilon(x, kappa_fake, True))
        target = x0 - g
    return 0.5 * torch.nn.functional.mse_loss(x0, target)


def dmd(x0, kappa):
    with torch.no_grad():
        x = a * x0 + s * noise
        real, fake = original(x, kappa, False), original(x, 1, True)
        p_real, p_fake = x0 - real, x0 - fake
        g = (p_real - p_fake) / (p_real.abs().mean(dim=[1, 2, 3], keepdim=True) + 1e-6)
        target = x0 - g
    return 0.5 * torch.nn.functional.mse_loss(x0, target)


def sid(x0, kappa, alpha):
    x = a * x0 + s * noise
    real, fake = original(x, kappa, False), original(x, kappa, True)
    with torch.no_grad():
        weight = (x0 - real).abs().mean(dim=[1, 2, 3], keepdim=True).clip(min=1e-5)
    loss = (real - fake) * ((real - x0) - alpha * (real - fake)) / weight
    return loss.sum() / BATCH


LOSSES = {
    "vsd": lambda x0: vsd(x0, 4.5, 4.5), "prolific": lambda x0: vsd(x0, 7.5, 1), "dmd": lambda x0: dmd(x0, 1.75),
    "sid": lambda x0: sid(x0, 1, 1.0), "sid-1.2": lambda x0: sid(x0, 1, 1.2), "sid-lsg": lambda x0: sid(x0, 1.5, 1.0),
}
for name, loss in LOSSES.items():
    student.zero_grad()
    x0 = (z - (1 - ALPHA_BAR_T) ** 0.5 * student(z, torch.full((BATCH,), 999), c).sample) / ALPHA_BAR_T**0.5
    x0.retain_grad()
    loss(x0).backward()
    # Per sample, before the mean: SiD's code divides by the batch size, the others by the number of elements.
    golden[f"{name}.gradient"] = x0.grad * (BATCH if name.startswith("sid") else x0.numel())
    golden[f"{name}.norm"] = torch.stack([p.grad.square().sum() for p in student.parameters()]).sum().sqrt()
golden |= {"latents": z, "noise": noise, "embeddings": c, "null": null, "timesteps": t.int(), "x0": x0.detach()}

versions = {"torch": torch.__version__, "diffusers": diffusers.__version__, "peft": peft.__version__}
golden = {k: (v if v.dtype == torch.int32 else v.float()).contiguous() for k, v in golden.items()}
save_file(golden, HERE / "golden.safetensors", metadata=versions)
