"""Small random-weight models in one file each, in the layout of the original Stable Diffusion code, with their outputs by diffusers
and transformers; and the keys and shapes of the full-size models.

Run: python make.py   (writes sd1.safetensors, sd2.safetensors, golden-sd1.safetensors, golden-sd2.safetensors, keys-sd1.txt and
keys-sd2.txt beside itself)

sd1  Stable Diffusion 1's kind: CLIP in transformers' layout, 1×1 convolutions as projections, 8 heads.
sd2  Stable Diffusion 2's kind: OpenCLIP with one unused last layer, linear projections, heads of width 64.
keys-*  one line per tensor of the full-size model: its key, its shape, and the keys in a diffusers folder (several if it is their
concatenation).

The names follow the constructors in CompVis's code, in the order in which they create their modules (ldm/modules/diffusionmodules/
openaimodel.py and model.py), and OpenCLIP's ResidualAttentionBlock. Weights are rounded to Float16 and stored in that type.
"""

from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

HERE = Path(__file__).parent


def unet_places(levels, layers, has_transformer):
    """Yields (module of UNetModel.__init__, module in diffusers) for each module."""
    yield "time_embed.0", "time_embedding.linear_1"
    yield "time_embed.2", "time_embedding.linear_2"
    yield "input_blocks.0.0", "conv_in"
    number = 0
    for level in range(levels):
        for layer in range(layers):
            number += 1
            yield f"input_blocks.{number}.0", f"down_blocks.{level}.resnets.{layer}"
            if has_transformer[level]:
                yield f"input_blocks.{number}.1", f"down_blocks.{level}.attentions.{layer}"
        if level != levels - 1:
            number += 1
            yield f"input_blocks.{number}.0", f"down_blocks.{level}.downsamplers.0"
    yield "middle_block.0", "mid_block.resnets.0"
    yield "middle_block.1", "mid_block.attentions.0"
    yield "middle_block.2", "mid_block.resnets.1"
    number = 0
    for step, level in enumerate(reversed(range(levels))):
        for layer in range(layers + 1):
            modules = [f"up_blocks.{step}.resnets.{layer}"]
            if has_transformer[level]:
                modules.append(f"up_blocks.{step}.attentions.{layer}")
            if level and layer == layers:
                modules.append(f"up_blocks.{step}.upsamplers.0")
            for position, module in enumerate(modules):
                yield f"output_blocks.{number}.{position}", module
            number += 1
    yield "out.0", "conv_norm_out"
    yield "out.2", "conv_out"


# ResBlock: in_layers = (norm, SiLU, conv), emb_layers = (SiLU, linear), out_layers = (norm, SiLU, dropout, conv).
RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}


def unet_key(key, places):
    theirs, ours = max(((a, b) for a, b in places if key.startswith(b + ".")), key=lambda pair: len(pair[1]))
    rest = key[len(ours) + 1 :]
    if ".resnets." in ours:
        module, kind = rest.rsplit(".", 1)
        rest = f"{RESNET[module]}.{kind}"
    if ".downsamplers." in ours:
        rest = rest.replace("conv.", "op.")
    return f"model.diffusion_model.{theirs}.{rest}"


def vae_key(key, levels):
    """Encoder and Decoder: down and up are lists by level, the outermost first; mid has two blocks and one attention."""
    words = key.split(".")
    if words[1] == "conv_norm_out":
        words[1] = "norm_out"
    elif words[1] == "mid_block" and words[2] == "resnets":
        words[1:4] = ["mid", f"block_{int(words[3]) + 1}"]
    elif words[1] == "mid_block":
        module = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out": "proj_out"}[words[4]]
        words[1:-1] = ["mid", "attn_1", module]
    elif words[1] in ("down_blocks", "up_blocks"):
        level = int(words[2]) if words[1] == "down_blocks" else levels - 1 - int(words[2])
        if words[3] == "resnets":
            module = "nin_shortcut" if words[5] == "conv_shortcut" else words[5]
            rest = ["block", words[4], module]
        else:
            rest = [{"downsamplers": "downsample", "upsamplers": "upsample"}[words[3]], "conv"]
        words[1:-1] = [words[1].removesuffix("_blocks"), str(level)] + rest
    return "first_stage_model." + ".".join(words)


def clip_key(key):
    return "cond_stage_model.transformer." + key


def open_clip_key(key):
    prefix = "cond_stage_model.model."
    single = {
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
    }
    if key in single:
        return prefix + single[key]
    key = key.removeprefix("text_model.").replace("final_layer_norm.", "ln_final.")
    key = key.replace("encoder.layers.", "transformer.resblocks.").replace("layer_norm1", "ln_1").replace("layer_norm2", "ln_2")
    key = key.replace("mlp.fc1", "mlp.c_fc").replace("mlp.fc2", "mlp.c_proj").replace("self_attn.out_proj", "attn.out_proj")
    for name in ("q", "k", "v"):
        for kind in ("weight", "bias"):
            key = key.replace(f"self_attn.{name}_proj.{kind}", f"attn.in_proj_{kind}")
    return prefix + key


def single_file(unet, vae, text, family):
    """{key: (tensor, [keys in the folder])}"""
    config = unet.config
    has_transformer = ["CrossAttn" in name for name in config.down_block_types]
    places = list(unet_places(len(has_transformer), config.layers_per_block, has_transformer))
    found = {}

    def add(key, tensor, source):
        tensors, sources = found.setdefault(key, ([], []))
        tensors.append(tensor)
        sources.append(source)

    for key, tensor in unet.state_dict().items():
        add(unet_key(key, places), tensor, f"unet:{key}")
    for key, tensor in vae.state_dict().items():
        # The attention's projections are 1×1 convolutions.
        is_projection = ".attentions." in key and tensor.ndim == 2
        add(
            vae_key(key, len(vae.config.block_out_channels)), tensor[:, :, None, None] if is_projection else tensor, f"vae:{key}"
        )
    # torch.nn.MultiheadAttention has queries, keys and values in this order; transformers' module does not.
    order = {"q_proj": 0, "k_proj": 1, "v_proj": 2}
    for key, tensor in sorted(text.state_dict().items(), key=lambda item: order.get(item[0].split(".")[-2], 0)):
        key = key if key.startswith("text_model.") else "text_model." + key
        if not key.endswith("position_ids"):
            add((clip_key if family == "sd1" else open_clip_key)(key), tensor, f"text_encoder:{key}")
    return {key: (torch.cat(tensors), sources) for key, (tensors, sources) in found.items()}


def build(family, is_full):
    small = dict(sd1=(64, ("CrossAttnDownBlock2D", "DownBlock2D")), sd2=(64, ("DownBlock2D", "CrossAttnDownBlock2D")))[family]
    if is_full:
        width, down = dict(sd1=768, sd2=1024)[family], ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
        channels, layers, vae_channels, vae_layers = (320, 640, 1280, 1280), 2, (128, 256, 512, 512), 2
        text_layers, vocabulary, positions = dict(sd1=12, sd2=23)[family], 49408, 77
    else:
        width, down = small
        channels, layers, vae_channels, vae_layers = (32, 32 if family == "sd1" else 64), 1, (32, 32), 1
        text_layers, vocabulary, positions = 2, 2069, 20
    blocks, vae_blocks = len(channels), len(vae_channels)
    unet = UNet2DConditionModel(
        sample_size=64, block_out_channels=channels, layers_per_block=layers, cross_attention_dim=width, down_block_types=down,
        up_block_types=tuple(name.replace("Down", "Up") for name in reversed(down)),
        attention_head_dim=8 if family == "sd1" else [max(c // 64, 1) for c in channels],
        use_linear_projection=family == "sd2",
    )
    vae = AutoencoderKL(
        block_out_channels=vae_channels, layers_per_block=vae_layers, down_block_types=("DownEncoderBlock2D",) * vae_blocks,
        up_block_types=("UpDecoderBlock2D",) * vae_blocks,
    )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary, max_position_embeddings=positions, hidden_size=width, intermediate_size=4 * width,
            num_hidden_layers=text_layers, num_attention_heads=width // 64,
            hidden_act="quick_gelu" if family == "sd1" else "gelu", attn_implementation="eager",
        )
    )
    return unet, vae, text


def randomise(module, generator):
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                value = noise * 0.2 + (1.0 if name.endswith("weight") else 0.0)
            else:
                value = noise / parameter[0].numel() ** 0.5
            parameter.copy_(value.half().float())
    return module.eval()


def make(family):
    generator = torch.Generator().manual_seed(int(family[-1]))
    randn = lambda *shape: torch.randn(*shape, generator=generator)
    unet, vae, text = (randomise(module, generator) for module in build(family, is_full=False))
    ids = torch.randint(0, 2069, (1, 20), generator=generator)
    golden = {"text.ids": ids.int(), "unet.in": randn(1, 4, 8, 8), "unet.t": torch.tensor([371], dtype=torch.int32)}
    golden |= {"vae.in": randn(1, 4, 5, 6), "vae.enc.in": randn(1, 3, 8, 12).clamp(-1, 1)}
    with torch.no_grad():
        golden["text.out"] = text(ids).last_hidden_state
        golden["unet.out"] = unet(golden["unet.in"], golden["unet.t"], golden["text.out"]).sample
        golden["vae.out"] = vae.decode(golden["vae.in"]).sample
        golden["vae.enc.mean"] = vae.encode(golden["vae.enc.in"]).latent_dist.mean

    tensors = {key: tensor.half().contiguous() for key, (tensor, _) in single_file(unet, vae, text, family).items()}
    if family == "sd1":
        tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(20)[None]
    else:
        last = "cond_stage_model.model.transformer.resblocks.1."
        for key in [key for key in tensors if key.startswith(last)]:
            tensors[key.replace("resblocks.1.", "resblocks.2.")] = torch.full_like(tensors[key], 7.0)
        tensors["cond_stage_model.model.text_projection"] = randn(64, 64).half()
        tensors["cond_stage_model.model.logit_scale"] = torch.tensor(4.6).half()
    tensors["model_ema.decay"] = torch.tensor(0.9999)
    tensors["model_ema.num_updates"] = torch.tensor(3, dtype=torch.int32)
    tensors["betas"] = torch.linspace(0.00085**0.5, 0.012**0.5, 1000).square()
    versions = {"torch": torch.__version__, "diffusers": diffusers.__version__, "transformers": transformers.__version__}
    save_file(tensors, HERE / f"{family}.safetensors", metadata={"format": "pt"})
    save_file(golden, HERE / f"golden-{family}.safetensors", metadata=versions)

    with torch.device("meta"):
        models = build(family, is_full=True)
    lines = [
        f"{key} {'x'.join(map(str, tensor.shape))} {' '.join(sources)}"
        for key, (tensor, sources) in sorted(single_file(*models, family).items())
    ]
    (HERE / f"keys-{family}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    for family in ("sd1", "sd2"):
        make(family)
