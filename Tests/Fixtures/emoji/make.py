"""Outputs of diffusers and transformers for Examples/Models/emoji-teacher in Float32, and ids of the small tokenizer by transformers.

Run: python make.py   (writes emoji.safetensors and tokens.json beside itself)
"""

import json
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

HERE = Path(__file__).parent
MODEL = HERE.parents[2] / "Examples/Models/emoji-teacher"
PROMPTS = ["a red heart", "an emoji of a snowman without snow", ""]
TEXTS = [
    "", " ", "a red heart", "A RED  HEART!", "don't it's we're I've I'm you'll he'd", "o'clock 12:30", "naïve café Ünïcode",
    "ÉCOLE é", "日本語 テスト", "emoji 😀👩🏽‍🚀🏳️‍🌈", "a\tb\nc d", "<|startoftext|>red<|endoftext|> heart", "<|ENDOFTEXT|>",
    "x" * 70, "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen",
    "!!! ... ---", "'''s 't", "½ ² ⅷ ٣ 1234", "İstanbul ẞ ΑΣ", "زبان हिन्दी ไทย", "\u0000\u0007\u200d\ufeff", "a_b-c/d\\e",
]

tokenizer = CLIPTokenizer.from_pretrained(MODEL / "tokenizer")
text_encoder = CLIPTextModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32, attn_implementation="eager")
unet = UNet2DConditionModel.from_pretrained(MODEL / "unet", torch_dtype=torch.float32)
vae = AutoencoderKL.from_pretrained(MODEL / "vae", torch_dtype=torch.float32)
scheduler = DDIMScheduler.from_pretrained(MODEL / "scheduler")


def encode(prompts):
    ids = tokenizer(prompts, padding="max_length", max_length=20, truncation=True, return_tensors="pt").input_ids
    return text_encoder(ids).last_hidden_state


prompts = (HERE.parents[2] / "Examples/Models/emoji-prompts/train.txt").read_text().splitlines()[::9]
small = CLIPTokenizer.from_pretrained(HERE.parent / "tokenizer/small")
ids = {t: small(t, padding="max_length", max_length=20, truncation=True).input_ids for t in TEXTS + prompts}
(HERE / "tokens.json").write_text(json.dumps(ids, ensure_ascii=True, separators=(",", ":")) + "\n")

golden = {}
with torch.no_grad():
    golden["text.out"] = encode(PROMPTS)
    golden["unet.in"] = torch.randn(3, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    golden["unet.t"] = torch.tensor([999, 500, 20], dtype=torch.int32)
    golden["unet.out"] = unet(golden["unet.in"], golden["unet.t"], golden["text.out"]).sample
    golden["vae.in"] = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(2))
    golden["vae.out"] = vae.decode(golden["vae.in"] / vae.config.scaling_factor).sample

    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(3))
    golden["ddim.in"] = latents.clone()
    both = torch.cat([encode([""]), encode(["a red heart"])])
    scheduler.set_timesteps(25)
    for t in scheduler.timesteps:
        unconditional, conditional = unet(torch.cat([latents] * 2), t, both).sample.chunk(2)
        latents = scheduler.step(unconditional + 4.5 * (conditional - unconditional), t, latents).prev_sample
    golden["ddim.latents"] = latents
    image = (vae.decode(latents / vae.config.scaling_factor).sample / 2 + 0.5).clamp(0, 1)
    golden["ddim.picture"] = (image[0].permute(1, 2, 0) * 255).round().to(torch.uint8)

versions = {"torch": torch.__version__, "diffusers": diffusers.__version__, "transformers": transformers.__version__}
save_file({k: v.contiguous() for k, v in golden.items()}, HERE / "emoji.safetensors", metadata=versions)
