"""Small transformers of PixArt's kind with random weights, and their outputs in diffusers.

Run: python make.py   (writes a/, b/ and golden.safetensors beside itself; everything is computed in Float32)
"""

from pathlib import Path

import torch
from diffusers import PixArtTransformer2DModel
from safetensors.torch import save_file

HERE = Path(__file__).parent
COMMON = dict(
    num_attention_heads=2, attention_head_dim=12, in_channels=4, num_layers=2, cross_attention_dim=24, patch_size=2,
    caption_channels=10, norm_type="ada_norm_single", num_embeds_ada_norm=1000)
MODELS = {
    "a": dict(out_channels=8, sample_size=8),
    "b": dict(out_channels=4, sample_size=6, attention_bias=False, interpolation_scale=2, use_additional_conditions=True),
}

generator = torch.Generator().manual_seed(5)
golden = {}
for name, settings in MODELS.items():
    model = PixArtTransformer2DModel(**COMMON, **settings).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    model.save_pretrained(HERE / name)
    # Wider than high; the second text has two tokens of padding.
    latents = torch.randn(2, 4, 8, 12, generator=generator)
    text = torch.randn(2, 5, 10, generator=generator)
    mask = torch.ones(2, 5)
    mask[1, 3:] = 0
    text[1, 3:] = 0
    sizes = dict(resolution=torch.tensor([[64.0, 96.0]] * 2), aspect_ratio=torch.tensor([[64 / 96]] * 2))
    with torch.no_grad():
        output = model(
            latents, text, torch.tensor([999, 17]), added_cond_kwargs=sizes, encoder_attention_mask=mask).sample
    golden |= {f"{name}.in": latents, f"{name}.text": text, f"{name}.out": output}
save_file({key: value.contiguous() for key, value in golden.items()}, HERE / "golden.safetensors")
for key, value in golden.items():
    print(key, tuple(value.shape), float(value.std()))
