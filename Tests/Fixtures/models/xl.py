"""Small random-weight models of Stable Diffusion XL's kind, with their outputs by diffusers and transformers in Float32.

Run: python xl.py   (writes the folders xl and xl-distilled beside itself)

xl  two text encoders of different widths, no attention in the first block, a transformer depth per block, an autoencoder whose activations
    exceed Float16, and images by StableDiffusionXLPipeline.
xl-distilled  a denoising network with a transformer depth per layer and one residual block in the middle, as in SSD-1B.
Weights are rounded to Float16 and stored in that type. The tokenizers' vocabulary and merges are those of ../tokenizer/small.
"""

import json
import shutil
import tempfile
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import (
    AutoencoderKL, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

HERE = Path(__file__).parent
SMALL = HERE.parent / "tokenizer/small"
VERSIONS = {"torch": torch.__version__, "diffusers": diffusers.__version__, "transformers": transformers.__version__}
SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
TIMES = [[48, 80, 3, 5, 32, 16], [16, 24, 0, 7, 40, 8]]
XL = dict(
    sample_size=8, block_out_channels=(4, 8, 12), norm_num_groups=2, layers_per_block=1,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=[1, 2, 3],
    transformer_layers_per_block=[1, 1, 2], cross_attention_dim=12, use_linear_projection=True,
    addition_embed_type="text_time", addition_time_embed_dim=6, projection_class_embeddings_input_dim=42,
)
DISTILLED = XL | dict(
    block_out_channels=(4, 4), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), layers_per_block=2, transformer_layers_per_block=[1, [2, 1]],
    reverse_transformer_layers_per_block=[[1, 3, 1], 1], mid_block_type="UNetMidBlock2D", attention_head_dim=[1, 2],
)


def randomise(module, generator):
    """Makes every weight differ from its neutral initial value, rounded to Float16."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                value = noise * 0.2 + (1.0 if name.endswith("weight") else 0.0)
            else:
                value = noise / parameter[0].numel() ** 0.5
            parameter.copy_(value.half().float())
    return module.eval()


def save_half(model, folder):
    model.half().save_pretrained(folder)
    model.float()


def tokenizer(folder, padding):
    """The small tokenizer with another padding token; only its configuration is written to the fixture."""
    folder.mkdir(parents=True)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        fields = json.loads((SMALL / name).read_text())
        fields["pad_token"] = padding
        (folder / name).write_text(json.dumps(fields, indent=1) + "\n")
    with tempfile.TemporaryDirectory() as whole:
        for file in [SMALL / "vocab.json", SMALL / "merges.txt", *folder.iterdir()]:
            shutil.copy(file, whole)
        return CLIPTokenizer.from_pretrained(whole)


def unet_golden(golden, unet, text, pooled, randn):
    golden["unet.in"], golden["unet.t"] = randn(2, 4, 8, 6), torch.tensor([999, 371], dtype=torch.int32)
    golden["unet.text"], golden["unet.pooled"] = text, pooled
    golden["unet.sizes"] = torch.tensor(TIMES, dtype=torch.float32)
    added = {"text_embeds": pooled, "time_ids": golden["unet.sizes"]}
    golden["unet.out"] = unet(golden["unet.in"], golden["unet.t"], text, added_cond_kwargs=added).sample


def make_xl():
    folder = HERE / "xl"
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(11)
    randn = lambda *shape: torch.randn(*shape, generator=generator)
    golden = {}
    shared = dict(
        vocab_size=2069, max_position_embeddings=20, bos_token_id=0, eos_token_id=2, pad_token_id=1, attn_implementation="eager"
    )
    first = randomise(
        CLIPTextModel(
            CLIPTextConfig(
                hidden_size=4, num_attention_heads=2, intermediate_size=10, num_hidden_layers=3, hidden_act="quick_gelu", **shared
            )
        ),
        generator,
    )
    second = randomise(
        CLIPTextModelWithProjection(
            CLIPTextConfig(
                hidden_size=8, num_attention_heads=4, intermediate_size=14, num_hidden_layers=4, hidden_act="gelu",
                projection_dim=6, **shared,
            )
        ),
        generator,
    )
    unet = randomise(UNet2DConditionModel(**XL), generator)
    vae = randomise(
        AutoencoderKL(
            block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, scaling_factor=0.13025, force_upcast=True,
            down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, sample_size=16,
        ),
        generator,
    )
    with torch.no_grad():
        # Activations beyond Float16, as in the published autoencoder.
        vae.decoder.conv_in.weight.mul_(2.0**15).copy_(vae.decoder.conv_in.weight.half().float())
    pipeline = StableDiffusionXLPipeline(
        vae=vae, text_encoder=first, text_encoder_2=second, tokenizer=tokenizer(folder / "tokenizer", "<|endoftext|>"),
        tokenizer_2=tokenizer(folder / "tokenizer_2", "!"), unet=unet, add_watermarker=False,
        scheduler=EulerDiscreteScheduler(timestep_spacing="leading", steps_offset=1, **SCHEDULE),
    )
    pipeline.set_progress_bar_config(disable=True)
    prompts = ["a red heart", "two blue squares, and a very long green line!"]
    with torch.no_grad():
        for name, skip in [("text", None), ("text.skip", 1)]:
            embeddings, _, pooled, _ = pipeline.encode_prompt(prompts, clip_skip=skip, do_classifier_free_guidance=False)
            golden |= {f"{name}.out": embeddings, f"{name}.pooled": pooled}
        for name, part in [("text.ids", pipeline.tokenizer), ("text.ids2", pipeline.tokenizer_2)]:
            ids = part(prompts, padding="max_length", max_length=20, truncation=True, return_tensors="pt").input_ids
            golden[name] = ids.int()
        unet_golden(golden, unet, golden["text.out"].clone(), golden["text.pooled"].clone(), randn)
        golden["vae.in"] = randn(1, 4, 5, 6)
        golden["vae.out"] = vae.decode(golden["vae.in"]).sample
        golden["vae.enc.in"] = randn(1, 3, 8, 12).clamp(-1, 1)
        golden["vae.enc.mean"] = vae.encode(golden["vae.enc.in"]).latent_dist.mean
        assert not vae.half().decode(golden["vae.in"].half()).sample.isfinite().all()
        vae.float()

        def picture(name, **settings):
            seeded = torch.Generator().manual_seed(5)
            latents = pipeline("a red heart", generator=seeded, output_type="latent", **settings).images
            golden[f"{name}.latents"] = latents
            golden[f"{name}.picture"] = vae.decode(latents / vae.config.scaling_factor).sample

        picture("plain", num_inference_steps=3, guidance_scale=5.0)
        picture("negative", num_inference_steps=3, guidance_scale=5.0, negative_prompt="a cat", height=16, width=24)
        pipeline.register_to_config(force_zeros_for_empty_prompt=False)
        picture("encoded", num_inference_steps=3, guidance_scale=5.0)
        pipeline.register_to_config(force_zeros_for_empty_prompt=True)
        turbo = EulerAncestralDiscreteScheduler(timestep_spacing="trailing", steps_offset=1, **SCHEDULE)
        pipeline.scheduler, usual = turbo, pipeline.scheduler
        picture("turbo", num_inference_steps=2, guidance_scale=0.0)
        pipeline.scheduler = usual
        make_adapters(pipeline, golden, folder, generator)
    for model, part in [(first, "text_encoder"), (second, "text_encoder_2"), (unet, "unet"), (vae, "vae")]:
        save_half(model, folder / part)
    pipeline.scheduler.save_pretrained(folder / "scheduler")
    turbo.save_pretrained(folder / "scheduler-turbo")
    index = {"_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": True}
    for part, library, cls in [
        ("unet", "diffusers", "UNet2DConditionModel"), ("vae", "diffusers", "AutoencoderKL"),
        ("text_encoder", "transformers", "CLIPTextModel"), ("text_encoder_2", "transformers", "CLIPTextModelWithProjection"),
        ("tokenizer", "transformers", "CLIPTokenizer"), ("tokenizer_2", "transformers", "CLIPTokenizer"),
        ("scheduler", "diffusers", "EulerDiscreteScheduler"),
    ]:
        index[part] = [library, cls]
    (folder / "model_index.json").write_text(json.dumps(index, indent=1) + "\n")
    save_file({k: v.contiguous() for k, v in golden.items()}, folder / "golden.safetensors", metadata=VERSIONS)


# Layers by kohya's names, and the names of the original code's layers.
LAYERS = {
    "down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q": "input_blocks_3_1_transformer_blocks_0_attn1_to_q",
    "down_blocks_2_attentions_0_proj_in": "input_blocks_5_1_proj_in",
    "mid_block_attentions_0_transformer_blocks_1_ff_net_0_proj": "middle_block_1_transformer_blocks_1_ff_net_0_proj",
    "up_blocks_0_attentions_1_transformer_blocks_1_attn2_to_v": "output_blocks_1_1_transformer_blocks_1_attn2_to_v",
    "up_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0": "output_blocks_2_1_transformer_blocks_0_attn1_to_out_0",
}


def make_adapters(pipeline, golden, folder, generator):
    """LoRA files of all three networks under both namings, and the outputs with them: by diffusers of the denoising network, with merged
    weights of the text encoders."""
    modules = {}
    for prefix, model in [("lora_unet", pipeline.unet), ("lora_te1", pipeline.text_encoder), ("lora_te2", pipeline.text_encoder_2)]:
        for path, module in model.named_modules():
            path = path if model is pipeline.unet or path.startswith("text_model.") else f"text_model.{path}"
            modules[f"{prefix}_{path.replace('.', '_')}"] = module
    names = [f"lora_unet_{name}" for name in LAYERS]
    for number in (1, 2):
        names += [f"lora_te{number}_text_model_encoder_layers_1_{end}" for end in ("self_attn_q_proj", "mlp_fc2")]
    tensors = {}
    for name in names:
        outputs, inputs = modules[name].weight.shape[:2]
        tensors[f"{name}.lora_down.weight"] = torch.randn(3, inputs, generator=generator)
        tensors[f"{name}.lora_up.weight"] = torch.randn(outputs, 3, generator=generator)
        tensors[f"{name}.alpha"] = torch.tensor(1.5)

    def original(name):
        for ours, theirs in LAYERS.items():
            name = name.replace(f"lora_unet_{ours}.", f"lora_unet_{theirs}.")
        return name

    for file, naming in [("diffusers-names", str), ("original-names", original)]:
        save_file({naming(name): tensor for name, tensor in tensors.items()}, folder / f"{file}.safetensors")
    pipeline.load_lora_weights({name: tensor for name, tensor in tensors.items() if name.startswith("lora_unet_")})
    # diffusers 0.42 with transformers 5 does not read kohya's names of the text encoders' layers.
    for name in names:
        if name.startswith("lora_te"):
            modules[name].weight += 0.5 * tensors[f"{name}.lora_up.weight"] @ tensors[f"{name}.lora_down.weight"]
    embeddings, _, pooled, _ = pipeline.encode_prompt(["a red heart"], do_classifier_free_guidance=False)
    golden |= {"adapted.text": embeddings, "adapted.pooled": pooled}
    added = {"text_embeds": golden["unet.pooled"], "time_ids": golden["unet.sizes"]}
    output = pipeline.unet(golden["unet.in"], golden["unet.t"], golden["unet.text"], added_cond_kwargs=added).sample
    golden["adapted.unet"] = output
    assert (output - golden["unet.out"]).abs().mean() > 0.1 * golden["unet.out"].std()
    pipeline.unload_lora_weights()
    for name in names:
        if name.startswith("lora_te"):
            modules[name].weight.copy_((modules[name].weight - 0.5 * tensors[f"{name}.lora_up.weight"] @ tensors[f"{name}.lora_down.weight"]).half())


def make_distilled():
    folder = HERE / "xl-distilled"
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(12)
    randn = lambda *shape: torch.randn(*shape, generator=generator)
    golden = {}
    unet = randomise(UNet2DConditionModel(**DISTILLED), generator)
    with torch.no_grad():
        unet_golden(golden, unet, randn(2, 5, 12), randn(2, 6), randn)
    save_half(unet, folder / "unet")
    save_file({k: v.contiguous() for k, v in golden.items()}, folder / "golden.safetensors", metadata=VERSIONS)


make_xl()
make_distilled()
