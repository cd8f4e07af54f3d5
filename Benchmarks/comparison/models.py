"""The measured models: folders in the diffusers layout, with seeded random weights created on first use."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "Benchmarks/.cache/models"

# Run in a separate process, so that the caller, whose memory is measured, stays small.
MAKE = """
import sys, torch
from diffusers import AutoencoderTiny, DDIMScheduler, UNet2DConditionModel
torch.manual_seed(0)
name, folder = sys.argv[1:]
if name == "taesd":
    AutoencoderTiny().save_pretrained(f"{folder}/vae")
else:
    UNet2DConditionModel(
        sample_size=32, block_out_channels=(64, 128, 256), layers_per_block=1, attention_head_dim=8, cross_attention_dim=256,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    ).save_pretrained(f"{folder}/unet")
DDIMScheduler(
    beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, set_alpha_to_one=False
).save_pretrained(f"{folder}/scheduler")
"""


def model(name, folder=None):
    """The folder of a model: sd2 (made by the fixtures' script, in `folder` if one is given), taesd, small (12.9 M parameters) or emoji."""
    if name == "emoji":
        return ROOT / "Examples/Models/emoji-teacher"
    folder = folder if folder and name == "sd2" else CACHE / name
    index = folder / "model_index.json"
    if not index.exists():
        print(f"making {folder}", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        if name == "sd2":
            subprocess.run([sys.executable, ROOT / "Tests/Fixtures/full-size/make.py", name, folder], check=True)
        else:
            subprocess.run([sys.executable, "-c", MAKE, name, folder], check=True)
            index.write_text(json.dumps(INDEX) + "\n")
    return folder


INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "scheduler": ["diffusers", "DDIMScheduler"],
}
