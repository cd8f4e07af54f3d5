"""Three SwiftBrush iterations on a small random network with PyTorch, diffusers and peft in Float64.

Run: python make.py   (writes unet/ and golden.safetensors beside itself)

Follows the order of the official training script: a student step (x0 from the constants of the last timestep, the same guidance for both
networks, gradient sigma² times the difference, mean reduction, clipping, Adam), then an adapter step on the same x0 (epsilon loss
weighted by alpha², the null prompt for a whole batch), then the moving average.
"""

import copy
from pathlib import Path

import diffusers
import peft
import torch
from diffusers import UNet2DConditionModel
from diffusers.training_utils import EMAModel
from peft import LoraConfig
from safetensors.torch import save_file

HERE = Path(__file__).parent
KAPPA, ALPHA_BAR_T, BATCH, RANK, SCALE = 4.5, 0.0047, 3, 4, 1.6875
STUDENT_RATE, ADAPTER_RATE = 1e-4, 2e-2
# Larger than Adam's default, so that a gradient of pure rounding error does not become a full step.
EPSILON = 1e-4
generator = torch.Generator().manual_seed(0)


def randn(*shape):
    return torch.randn(*shape, generator=generator).double()


teacher = UNet2DConditionModel(
    block_out_channels=(4, 8), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), layers_per_block=1, attention_head_dim=[2, 2], in_channels=4,
    out_channels=4, cross_attention_dim=10, use_linear_projection=True, norm_num_groups=2, sample_size=8,
)
with torch.no_grad():
    for name, parameter in teacher.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim == 1:
            parameter.copy_(noise * 0.2 + (1.0 if name.endswith("weight") else 0.0))
        else:
            parameter.copy_(noise / parameter[0].numel() ** 0.5)
teacher.eval()
teacher.save_pretrained(HERE / "unet")
teacher.double()
student = copy.deepcopy(teacher)
teacher.requires_grad_(False)
teacher.add_adapter(
    LoraConfig(r=RANK, lora_alpha=RANK * SCALE, target_modules=["to_q", "to_v"], init_lora_weights="gaussian")
)
adapter = {k: p for k, p in teacher.named_parameters() if "lora" in k}
golden = {}


def adapter_key(name):
    return name.replace(".default.", ".")


with torch.no_grad():
    for name, parameter in adapter.items():
        if "lora_A" in name:
            parameter.copy_((torch.rand(parameter.shape, generator=generator) * 2 - 1) / parameter.shape[1] ** 0.5)
        golden[f"adapter.start.{adapter_key(name)}"] = parameter.detach().clone()

embeddings, null = randn(5, 6, 10), randn(1, 6, 10)
golden |= {"embeddings": embeddings.clone(), "null": null.clone()}
alpha_bar = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64).square()
alpha_bar = torch.cumprod(1 - alpha_bar, 0)
student_optimizer = torch.optim.Adam(student.parameters(), lr=STUDENT_RATE, eps=EPSILON)
adapter_optimizer = torch.optim.Adam(adapter.values(), lr=ADAPTER_RATE, eps=EPSILON)
ema = EMAModel(student.parameters(), decay=0.9999)


def guided(network, x, t, c):
    outputs = network(torch.cat([x, x]), torch.cat([t, t]), torch.cat([null.expand(len(x), -1, -1), c])).sample
    unconditional, conditional = outputs.chunk(2)
    return unconditional + KAPPA * (conditional - unconditional)


for step in range(3):
    prompts = torch.randint(0, 5, (BATCH,), generator=generator)
    z, noise, fake_noise = randn(BATCH, 4, 8, 8), randn(BATCH, 4, 8, 8), randn(BATCH, 4, 8, 8)
    t = torch.randint(20, 981, (BATCH,), generator=generator)
    fake_t = torch.randint(0, 1000, (BATCH,), generator=generator)
    drops = step == 1
    c = embeddings[prompts]

    epsilon = student(z, torch.full((BATCH,), 999), c).sample
    x0 = (z - (1 - ALPHA_BAR_T) ** 0.5 * epsilon) / ALPHA_BAR_T**0.5
    a = alpha_bar[t].sqrt().view(-1, 1, 1, 1)
    s = (1 - alpha_bar[t]).sqrt().view(-1, 1, 1, 1)
    with torch.no_grad():
        noisy = a * x0 + s * noise
        teacher.disable_adapters()
        from_teacher = guided(teacher, noisy, t, c)
        teacher.enable_adapters()
        from_fake = guided(teacher, noisy, t, c)
        g = s**2 * (from_teacher - from_fake)
        target = x0 - g
    student_loss = 0.5 * torch.nn.functional.mse_loss(x0, target)
    student_loss.backward()
    student_norm = torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    student_optimizer.step()
    student_optimizer.zero_grad()

    fa = alpha_bar[fake_t].sqrt().view(-1, 1, 1, 1)
    fs = (1 - alpha_bar[fake_t]).sqrt().view(-1, 1, 1, 1)
    for parameter in adapter.values():
        parameter.requires_grad_(True)
    fake_c = null.expand(BATCH, -1, -1) if drops else c
    prediction = teacher(fa * x0.detach() + fs * fake_noise, fake_t, fake_c).sample
    fake_loss = torch.nn.functional.mse_loss(fa * prediction, fa * fake_noise)
    fake_loss.backward()
    fake_norm = torch.nn.utils.clip_grad_norm_(adapter.values(), 1.0)
    adapter_optimizer.step()
    adapter_optimizer.zero_grad()
    ema.step(student.parameters())

    golden |= {
        f"{step}.prompts": prompts.int(), f"{step}.latents": z, f"{step}.timesteps": t.int(), f"{step}.noise": noise,
        f"{step}.fake.timesteps": fake_t.int(), f"{step}.fake.noise": fake_noise,
        f"{step}.fake.drops": torch.tensor([int(drops)]).int(), f"{step}.x0": x0.detach(),
        f"{step}.losses": torch.stack([student_loss.detach(), fake_loss.detach()]),
        f"{step}.norms": torch.stack([student_norm.detach(), fake_norm.detach()]),
    }
    golden |= {f"{step}.student.{k}": p.detach().clone() for k, p in student.named_parameters()}
    golden |= {f"{step}.adapter.{adapter_key(k)}": p.detach().clone() for k, p in adapter.items()}
golden |= {f"average.{k}": p.clone() for (k, _), p in zip(student.named_parameters(), ema.shadow_params)}

versions = {"torch": torch.__version__, "diffusers": diffusers.__version__, "peft": peft.__version__}
golden = {k: (v if v.dtype == torch.int32 else v.float()).contiguous() for k, v in golden.items()}
save_file(golden, HERE / "golden.safetensors", metadata=versions)
