"""Three DreamBooth LoRA steps of the model ../models/a with PyTorch, diffusers and peft in Float64.

Run: python make.py   (writes golden.safetensors beside itself)

Follows diffusers' train_dreambooth_lora: the latents' means times the scaling factor, the epsilon loss on pictures, here with min-SNR weights
(gamma 5), plus the weight of the prior times the loss on the prior's images, adapters on the UNet and on the text encoder, clipping, AdamW.
"""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import save_file
from transformers import CLIPTextModel

HERE = Path(__file__).parent
MODEL = HERE.parent / "models/a"
PICTURES, BATCH, RANK, ALPHA, RATE, DECAY, GAMMA, PRIOR_WEIGHT = 3, 4, 3, 6, 1e-2, 0.01, 5.0, 0.7
generator = torch.Generator().manual_seed(1)
golden = {}


def randn(*shape):
    return torch.randn(*shape, generator=generator).double()


def randint(limit, *shape):
    return torch.randint(0, limit, shape, generator=generator)


unet = UNet2DConditionModel.from_pretrained(MODEL, subfolder="unet", torch_dtype=torch.float64)
text = CLIPTextModel.from_pretrained(MODEL, subfolder="text_encoder", torch_dtype=torch.float64)
vae = AutoencoderKL.from_pretrained(MODEL, subfolder="vae", torch_dtype=torch.float64)
schedule = DDIMScheduler.from_pretrained(MODEL, subfolder="scheduler")
for network in (unet, text, vae):
    network.requires_grad_(False)
inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["to_q", "to_v", "to_out.0"]), unet)
inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["q_proj", "out_proj"]), text)
adapters = {}
for part, network in (("unet", unet), ("text_encoder", text)):
    for name, parameter in network.named_parameters():
        if "lora" in name:
            key = f"{part}.{name.replace('.default.', '.').removeprefix('text_model.')}"
            # Second matrices that are not zero, so that every gradient is.
            with torch.no_grad():
                parameter.copy_(randn(*parameter.shape).float().double() * 0.2)
            parameter.requires_grad_(True)
            adapters[key] = parameter
            golden[f"start.{key}"] = parameter.detach().float().clone()
optimizer = torch.optim.AdamW(adapters.values(), lr=RATE, weight_decay=DECAY, eps=1e-8)

pixels = randint(256, PICTURES, 16, 16, 3)
tokens = randint(58, PICTURES + 2, 12)
tokens[:, 0], tokens[:, 8:] = 58, 59
prior = randn(2, 4, 8, 8).float().double()
golden |= {"pixels": pixels.to(torch.uint8), "tokens": tokens.int(), "prior": prior.float()}
with torch.no_grad():
    latents = vae.encode(pixels.permute(0, 3, 1, 2).double() / 127.5 - 1).latent_dist.mean * vae.config.scaling_factor
golden["latents"] = latents.float()

for step in range(3):
    pictures, others = randint(PICTURES, BATCH), randint(2, BATCH)
    timesteps = randint(1000, 2 * BATCH)
    noise = randn(2 * BATCH, 4, 8, 8).float().double()
    original = torch.cat([latents[pictures], prior[others]])
    noisy = schedule.add_noise(original, noise, timesteps)
    condition = text(torch.cat([tokens[pictures], tokens[PICTURES + others]]))[0]
    output = unet(noisy, timesteps, encoder_hidden_states=condition).sample
    alphas = schedule.alphas_cumprod.double()[timesteps]
    ratio = alphas / (1 - alphas)
    weights = torch.minimum(ratio, torch.full_like(ratio, GAMMA)) / ratio
    errors = (output - noise).pow(2).mean(dim=(1, 2, 3)) * weights
    own, kept = errors[:BATCH].mean(), errors[BATCH:].mean()
    (own + PRIOR_WEIGHT * kept).backward()
    norm = torch.nn.utils.clip_grad_norm_(adapters.values(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    golden |= {f"{step}.pictures": pictures.int(), f"{step}.others": others.int(), f"{step}.timesteps": timesteps.int()}
    golden |= {f"{step}.noise": noise.float(), f"{step}.losses": torch.stack([own, kept, norm]).detach().float()}
    golden |= {f"{step}.{key}": p.detach().float().clone() for key, p in adapters.items()}
save_file({key: value.contiguous() for key, value in golden.items()}, HERE / "golden.safetensors")
