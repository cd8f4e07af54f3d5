"""Outputs of diffusers' StableDiffusionImg2ImgPipeline for an image with Examples/Models/emoji-teacher in Float32.

Run: python make.py   (writes golden.safetensors beside itself)
"""

from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import StableDiffusionImg2ImgPipeline
from PIL import Image
from safetensors.torch import save_file

HERE = Path(__file__).parent
MODEL = HERE.parents[2] / "Examples/Models/emoji-teacher"
pipeline = StableDiffusionImg2ImgPipeline.from_pretrained(
    MODEL, torch_dtype=torch.float32, safety_checker=None, feature_extractor=None, requires_safety_checker=False
)
pipeline.set_progress_bar_config(disable=True)
y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
inside = (x - 30) ** 2 + (y - 36) ** 2 < 20**2
picture = torch.stack([torch.where(inside, 230, 255), torch.where(inside, 40 + 2 * x, 255), torch.where(inside, 3 * y, 255)], -1)
picture = picture.to(torch.uint8).contiguous()
golden = {"picture": picture}
for count in (1, 2):
    golden[f"latents.{count}"] = pipeline(
        ["a red heart"] * count, image=Image.fromarray(picture.numpy()), strength=0.6, num_inference_steps=10,
        guidance_scale=4.5, negative_prompt=["a cat"] * count, output_type="latent",
        generator=[torch.Generator().manual_seed(5 + i) for i in range(count)],
    ).images.contiguous()
versions = {"torch": torch.__version__, "diffusers": diffusers.__version__, "transformers": transformers.__version__}
save_file(golden, HERE / "golden.safetensors", metadata=versions)
print({name: tensor.shape for name, tensor in golden.items()}, type(pipeline.scheduler))
