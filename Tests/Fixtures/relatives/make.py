"""Narrow random networks of Stable Diffusion's relatives, and diffusers' results with them and the rest of Examples/Models/emoji-teacher.

Run: python make.py   (writes lcm/, inpainting/, lcm-lora/ and golden.safetensors beside itself; everything is computed in Float32)

lcm         a UNet that reads an embedding of the guidance scale (time_cond_proj_dim), sampled by LatentConsistencyModelPipeline.
lcm-lora    a LoRA on emoji-teacher, sampled by StableDiffusionPipeline with LCMScheduler.
inpainting  a UNet of 9 channels, sampled by StableDiffusionInpaintPipeline; so is emoji-teacher's of 4 channels.
Weights are rounded to Float16 and stored in that type.
"""

import shutil
from pathlib import Path

import diffusers
import peft
import PIL
import torch
import transformers
from diffusers import (
    EulerAncestralDiscreteScheduler, LatentConsistencyModelPipeline, LCMScheduler, StableDiffusionInpaintPipeline,
    StableDiffusionPipeline, UNet2DConditionModel,
)
from PIL import Image
from safetensors.torch import save_file

HERE = Path(__file__).parent
TEACHER = HERE.parents[2] / "Examples/Models/emoji-teacher"
generator = torch.Generator().manual_seed(3)
UNET = dict(
    block_out_channels=(8, 16), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), layers_per_block=1, attention_head_dim=[2, 4],
    cross_attention_dim=128, use_linear_projection=True, norm_num_groups=4, sample_size=16,
)
golden = {}


def randomised(network):
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                value = noise * 0.2 + (1.0 if name.endswith("weight") else 0.0)
            else:
                value = noise / parameter[0].numel() ** 0.5
            parameter.copy_(value.half().float())
    return network.eval()


def save_half(network, folder):
    shutil.rmtree(folder, ignore_errors=True)
    network.half().save_pretrained(folder)
    network.float()


def pipeline(kind, **parts):
    made = kind.from_pretrained(
        TEACHER, torch_dtype=torch.float32, safety_checker=None, feature_extractor=None,
        requires_safety_checker=False, **parts)
    made.set_progress_bar_config(disable=True)
    return made


def seeded(seed):
    return torch.Generator().manual_seed(seed)


unet = randomised(UNet2DConditionModel(time_cond_proj_dim=32, **UNET))
save_half(unet, HERE / "lcm/unet")
scheduler = LCMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
scheduler.save_pretrained(HERE / "lcm/scheduler")
lcm = pipeline(LatentConsistencyModelPipeline, unet=unet, scheduler=scheduler)
with torch.no_grad():
    inputs = torch.randn(2, 4, 8, 8, generator=generator)
    text = torch.randn(2, 7, 128, generator=generator)
    for scale in (1.0, 3.5, 8.5):
        condition = lcm.get_guidance_scale_embedding(torch.tensor(scale - 1).repeat(2), embedding_dim=32)
        golden[f"lcm.unet.{scale}"] = unet(inputs, torch.tensor([999, 259]), text, timestep_cond=condition).sample
    golden |= {"lcm.in": inputs, "lcm.text": text}
for steps in (1, 2, 4, 8):
    golden[f"lcm.latents.{steps}"] = lcm(
        "a red heart", num_inference_steps=steps, guidance_scale=4.0, output_type="latent", height=64, width=64,
        generator=seeded(7)).images

base = pipeline(StableDiffusionPipeline)
base.unet.add_adapter(peft.LoraConfig(r=2, lora_alpha=2, target_modules=["mid_block.attentions.0.transformer_blocks.0.attn1.to_q", "mid_block.resnets.0.conv1"]))
with torch.no_grad():
    for name, parameter in base.unet.named_parameters():
        if "lora_" in name:
            parameter.copy_((torch.randn(parameter.shape, generator=generator) * 0.1).half().float())
layers = peft.utils.get_peft_model_state_dict(base.unet)
base.unet.delete_adapters("default")
shutil.rmtree(HERE / "lcm-lora", ignore_errors=True)
StableDiffusionPipeline.save_lora_weights(str(HERE / "lcm-lora"), unet_lora_layers={k: v.half() for k, v in layers.items()})
base = pipeline(StableDiffusionPipeline)
base.load_lora_weights(str(HERE / "lcm-lora"))
base.scheduler = LCMScheduler.from_config(base.scheduler.config)
for scale in (1.0, 2.0):
    golden[f"lcm-lora.{scale}"] = base(
        "a red heart", num_inference_steps=4, guidance_scale=scale, output_type="latent", generator=seeded(7)).images

y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
inside = (x - 30) ** 2 + (y - 36) ** 2 < 20**2
picture = torch.stack(
    [torch.where(inside, 230, 255), torch.where(inside, 40 + 2 * x, 255), torch.where(inside, 3 * y, 255)], -1).to(torch.uint8)
# Another size than the image's, colours and greys on both sides of the threshold.
y, x = torch.meshgrid(torch.arange(40), torch.arange(48), indexing="ij")
mask = torch.stack([(5 * x).clamp(0, 255), (4 * x + 2 * y).clamp(0, 255), 6 * y], -1).to(torch.uint8)
golden |= {"inpainting.picture": picture.contiguous(), "inpainting.mask": mask.contiguous()}
unet = randomised(UNet2DConditionModel(in_channels=9, **UNET))
save_half(unet, HERE / "inpainting/unet")
parts = pipeline(StableDiffusionPipeline).components
for channels, network in ((9, unet), (4, parts["unet"])):
    inpaint = StableDiffusionInpaintPipeline(**parts | {"unet": network}, requires_safety_checker=False)
    inpaint.set_progress_bar_config(disable=True)
    schedulers = {"own": inpaint.scheduler, "euler-a": EulerAncestralDiscreteScheduler.from_config(inpaint.scheduler.config)}
    for name, scheduler in schedulers.items():
        inpaint.scheduler = scheduler
        for strength in (1.0, 0.6):
            golden[f"inpainting.{channels}.{name}.{strength}"] = inpaint(
                "a red heart", negative_prompt="a cat", image=Image.fromarray(picture.numpy()),
                mask_image=Image.fromarray(mask.numpy()), height=64, width=64, strength=strength, num_inference_steps=5,
                guidance_scale=3.0, output_type="latent", generator=seeded(5)).images
versions = {"torch": torch.__version__, "diffusers": diffusers.__version__, "transformers": transformers.__version__, "peft": peft.__version__, "Pillow": PIL.__version__}
golden = {name: tensor.detach().contiguous() for name, tensor in golden.items()}
save_file(golden, HERE / "golden.safetensors", metadata=versions)
for name, tensor in golden.items():
    print(name, tuple(tensor.shape), tensor.float().std().item())
