"""Small random-weight models with their outputs by diffusers and transformers in Float32 and gradients in Float64.

Run: python make.py [NAME …]   (writes the folders below beside itself: the components in the Hub's layout and golden.safetensors)

a  Stable Diffusion 2's kind: linear projections, one head count per block, one layer per block.
b  Stable Diffusion 1's kind: 1×1 convolutions as projections, one head count for all, two layers per block, odd sizes.
c  other features: attention in other blocks, two transformers per block, cosine before sine, text widths per block, gelu.
d  no middle block and transformers at every resolution, as in BK-SDM's smallest networks.
e  one residual block in the middle (UNetMidBlock2D), attention in the up blocks only.
tiny  an AutoencoderTiny on its own.
Weights are rounded to Float16 and stored in that type.
"""

import json
import shutil
import sys
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, AutoencoderTiny, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

HERE = Path(__file__).parent

UNETS = {
    "a": dict(
        block_out_channels=(12, 24), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), layers_per_block=1, attention_head_dim=[2, 4],
        cross_attention_dim=24, use_linear_projection=True, norm_num_groups=4, sample_size=8,
    ),
    "b": dict(
        block_out_channels=(8, 8, 16),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), layers_per_block=2,
        attention_head_dim=4, cross_attention_dim=16, use_linear_projection=False, norm_num_groups=4, sample_size=8,
    ),
    "c": dict(
        block_out_channels=(8, 12), down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), layers_per_block=1, attention_head_dim=[2, 3],
        cross_attention_dim=20, use_linear_projection=True, norm_num_groups=2, norm_eps=1e-6,
        transformer_layers_per_block=2, flip_sin_to_cos=False, freq_shift=1, sample_size=8,
    ),
    "d": dict(
        block_out_channels=(8, 8, 16), down_block_types=("CrossAttnDownBlock2D",) * 3, mid_block_type=None,
        up_block_types=("CrossAttnUpBlock2D",) * 3, layers_per_block=1, attention_head_dim=4, cross_attention_dim=16,
        norm_num_groups=4, sample_size=8,
    ),
    "e": dict(
        block_out_channels=(8, 8), down_block_types=("DownBlock2D",) * 2, mid_block_type="UNetMidBlock2D",
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), layers_per_block=1, attention_head_dim=2,
        cross_attention_dim=16, norm_num_groups=4, sample_size=8,
    ),
}
VAES = {
    "a": dict(block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4),
    "b": dict(block_out_channels=(4, 4, 8), layers_per_block=2, norm_num_groups=2, scaling_factor=0.13),
    "c": dict(block_out_channels=(4, 12), layers_per_block=1, norm_num_groups=2, latent_channels=4),
    "d": dict(block_out_channels=(4, 4), layers_per_block=1, norm_num_groups=2),
    "e": dict(block_out_channels=(4, 4), layers_per_block=1, norm_num_groups=2),
}
TEXTS = {
    "a": dict(hidden_size=24, num_attention_heads=4, intermediate_size=48, num_hidden_layers=2, hidden_act="gelu"),
    "b": dict(hidden_size=16, num_attention_heads=2, intermediate_size=64, num_hidden_layers=1, hidden_act="quick_gelu"),
    "c": dict(hidden_size=20, num_attention_heads=5, intermediate_size=40, num_hidden_layers=3, hidden_act="quick_gelu"),
    "d": dict(hidden_size=16, num_attention_heads=2, intermediate_size=32, num_hidden_layers=1, hidden_act="quick_gelu"),
    "e": dict(hidden_size=16, num_attention_heads=2, intermediate_size=32, num_hidden_layers=1, hidden_act="quick_gelu"),
}
SIZES = {"a": (8, 8), "b": (12, 8), "c": (7, 9), "d": (8, 12), "e": (8, 8)}


def randomise(module, generator):
    """Makes every weight differ from its neutral initial value, rounded to Float16."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                value = noise * 0.2 + (1.0 if name.endswith("weight") else 0.0)
            else:
                fan_in = parameter[0].numel()
                value = noise / fan_in**0.5
            parameter.copy_(value.half().float())
    return module.eval()


def save_half(model, folder):
    model.half().save_pretrained(folder)
    model.float()


def make(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(ord(name))
    randn = lambda *shape: torch.randn(*shape, generator=generator)
    golden = {}

    text = randomise(
        CLIPTextModel(
            CLIPTextConfig(
                vocab_size=60, max_position_embeddings=12, bos_token_id=58, eos_token_id=59, pad_token_id=59,
                attn_implementation="eager", **TEXTS[name],
            )
        ),
        generator,
    )
    ids = torch.randint(0, 60, (2, 12), generator=generator)
    with torch.no_grad():
        golden["text.ids"] = ids.int()
        golden["text.out"] = text(ids).last_hidden_state
    save_half(text, folder / "text_encoder")

    height, width = SIZES[name]
    unet = randomise(
        UNet2DConditionModel(
            down_block_types=UNETS[name].pop("down_block_types"), up_block_types=UNETS[name].pop("up_block_types"),
            in_channels=4, out_channels=4, **UNETS[name],
        ),
        generator,
    )
    golden["unet.in"] = randn(2, 4, height, width)
    golden["unet.t"] = torch.tensor([999, 371], dtype=torch.int32)
    golden["unet.text"] = golden["text.out"].clone()
    output = unet(golden["unet.in"], golden["unet.t"], golden["unet.text"]).sample
    golden["unet.out"] = output.detach()
    if name == "a":
        golden["unet.grad.out"] = randn(*output.shape)
        unet.double()
        output = unet(golden["unet.in"].double(), golden["unet.t"], golden["unet.text"].double()).sample
        output.backward(golden["unet.grad.out"].double())
        for key, parameter in unet.named_parameters():
            golden[f"unet.grad.{key}"] = parameter.grad.float().contiguous()
        unet.float()
    save_half(unet, folder / "unet")

    blocks = len(VAES[name]["block_out_channels"])
    vae = randomise(
        AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * blocks, up_block_types=("UpDecoderBlock2D",) * blocks,
            sample_size=16, **VAES[name],
        ),
        generator,
    )
    with torch.no_grad():
        golden["vae.in"] = randn(1, 4, 5, 6)
        golden["vae.out"] = vae.decode(golden["vae.in"]).sample
        golden["vae.enc.in"] = randn(1, 3, 16, 20).clamp(-1, 1)
        golden["vae.enc.mean"] = vae.encode(golden["vae.enc.in"]).latent_dist.mean
    save_half(vae, folder / "vae")

    DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False).save_pretrained(
        folder / "scheduler"
    )
    index = {"_class_name": "StableDiffusionPipeline"}
    for part, library, cls in [
        ("unet", "diffusers", "UNet2DConditionModel"), ("vae", "diffusers", "AutoencoderKL"),
        ("text_encoder", "transformers", "CLIPTextModel"), ("tokenizer", "transformers", "CLIPTokenizer"),
        ("scheduler", "diffusers", "DDIMScheduler"),
    ]:
        index[part] = [library, cls]
    (folder / "model_index.json").write_text(json.dumps(index, indent=1) + "\n")
    versions = {"torch": torch.__version__, "diffusers": diffusers.__version__, "transformers": transformers.__version__}
    save_file(golden, folder / "golden.safetensors", metadata=versions)


def make_tiny():
    folder = HERE / "tiny"
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(7)
    model = AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8), decoder_block_out_channels=(6, 6, 6), num_encoder_blocks=(1, 2, 1),
        num_decoder_blocks=(2, 1, 1),
    )
    randomise(model, generator)
    golden = {"tiny.in": torch.randn(1, 4, 5, 6, generator=generator)}
    golden["tiny.enc.in"] = torch.randn(1, 3, 12, 16, generator=generator).clamp(-1, 1)
    with torch.no_grad():
        golden["tiny.out"] = model.decode(golden["tiny.in"]).sample
        golden["tiny.enc.out"] = model.encode(golden["tiny.enc.in"]).latents
    save_half(model, folder)
    versions = {"torch": torch.__version__, "diffusers": diffusers.__version__}
    save_file(golden, folder / "golden.safetensors", metadata=versions)


for name in sys.argv[1:] or [*UNETS, "tiny"]:
    make_tiny() if name == "tiny" else make(name)
