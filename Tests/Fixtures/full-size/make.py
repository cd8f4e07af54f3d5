"""A Stable Diffusion model of full size with seeded random weights, and its outputs by diffusers and transformers.

Run: python make.py FAMILY FOLDER [half]   (FAMILY: sd1, sd2 or sdxl; writes about 5 GB, of sdxl 14, or half of it, and golden.safetensors)
Then: swift run -c release verify-checkpoint --model FOLDER --golden FOLDER/golden.safetensors

Not part of the tests, because of its size; the figures are in Documentation/Checkpoints.md.
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

family, folder, half = sys.argv[1], Path(sys.argv[2]), "half" in sys.argv[3:]
generator = torch.Generator().manual_seed(0)
is_xl = family == "sdxl"
TEXT = {
    "sdxl": dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, hidden_act="quick_gelu"),
    "sd1": dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, hidden_act="quick_gelu"),
    "sd2": dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16, hidden_act="gelu"),
}[family]
SECOND = dict(
    hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, hidden_act="gelu", projection_dim=1280,
    bos_token_id=0, eos_token_id=2, pad_token_id=1,
)
UNET = {
    "sdxl": dict(
        cross_attention_dim=2048, attention_head_dim=[5, 10, 20], use_linear_projection=True, transformer_layers_per_block=[1, 2, 10],
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), addition_embed_type="text_time",
        addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
    ),
    "sd1": dict(cross_attention_dim=768, attention_head_dim=8),
    "sd2": dict(cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20], use_linear_projection=True),
}[family]


def randomise(module):
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                value = noise * 0.1 + (1.0 if name.endswith("weight") else 0.0)
            else:
                value = noise / parameter[0].numel() ** 0.5
            parameter.copy_(value.half().float() if half else value)
    return module.eval()


def save(module, name):
    (module.half() if half else module).save_pretrained(folder / name)


def randn(*shape):
    return torch.randn(*shape, generator=generator)


golden = {}
with torch.no_grad():
    text = randomise(
        CLIPTextModel(CLIPTextConfig(vocab_size=49408, max_position_embeddings=77, attn_implementation="eager", **TEXT))
    )
    ids = torch.randint(0, 49408, (1, 77), generator=generator)
    golden["text.ids"], golden["text.out"] = ids.int(), text(ids).last_hidden_state
    added = None
    if is_xl:
        state = text(ids, output_hidden_states=True).hidden_states[-2]
        config = CLIPTextConfig(vocab_size=49408, max_position_embeddings=77, attn_implementation="eager", **SECOND)
        second = randomise(CLIPTextModelWithProjection(config))
        output = second(ids, output_hidden_states=True)
        golden["text.ids2"], golden["text.pooled"] = ids.int(), output.text_embeds
        golden["text.out"] = torch.cat([state, output.hidden_states[-2]], dim=-1)
        golden["unet.sizes"] = torch.tensor([[1024.0, 768, 0, 64, 512, 512]])
        added = {"text_embeds": golden["text.pooled"], "time_ids": golden["unet.sizes"]}
        save(second, "text_encoder_2")
        del second
    save(text, "text_encoder")
    del text

    channels = (320, 640, 1280) if is_xl else (320, 640, 1280, 1280)
    unet = randomise(UNet2DConditionModel(sample_size=128 if is_xl else 64, block_out_channels=channels, **UNET))
    golden["unet.in"], golden["unet.t"] = randn(1, 4, 64, 64), torch.tensor([999], dtype=torch.int32)
    golden["unet.out"] = unet(golden["unet.in"], 999, golden["text.out"], added_cond_kwargs=added).sample
    golden["onestep.alpha_sigma"] = torch.tensor([0.0047**0.5, (1 - 0.0047) ** 0.5])
    golden["onestep.latent"] = (golden["unet.in"] - golden["onestep.alpha_sigma"][1] * golden["unet.out"]) / golden[
        "onestep.alpha_sigma"
    ][0]
    save(unet, "unet")
    del unet

    vae = randomise(
        AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=1024 if is_xl else 512,
            scaling_factor=0.13025 if is_xl else 0.18215,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        )
    )
    golden["vae.in"] = randn(1, 4, 64, 64)
    golden["vae.out"] = vae.decode(golden["vae.in"]).sample
    golden["vae.enc.in"] = randn(1, 3, 512, 512).clamp(-1, 1)
    golden["vae.enc.mean"] = vae.encode(golden["vae.enc.in"]).latent_dist.mean
    save(vae, "vae")

PNDMScheduler(
    beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, set_alpha_to_one=False, skip_prk_steps=True
).save_pretrained(folder / "scheduler")
index = {"_class_name": "StableDiffusionXLPipeline" if is_xl else "StableDiffusionPipeline"}
if is_xl:
    index |= {"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"], "tokenizer_2": ["transformers", "CLIPTokenizer"]}
for part, library, name in [
    ("unet", "diffusers", "UNet2DConditionModel"), ("vae", "diffusers", "AutoencoderKL"),
    ("text_encoder", "transformers", "CLIPTextModel"), ("tokenizer", "transformers", "CLIPTokenizer"),
    ("scheduler", "diffusers", "PNDMScheduler"),
]:
    index[part] = [library, name]
(folder / "model_index.json").write_text(json.dumps(index, indent=1) + "\n")
save_file({k: v.contiguous() for k, v in golden.items()}, folder / "golden.safetensors")
