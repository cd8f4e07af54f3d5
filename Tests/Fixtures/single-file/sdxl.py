"""A small random-weight model of Stable Diffusion XL's kind in one file, in the layout of Stability AI's generative-models, with its outputs by
diffusers and transformers; and the keys and shapes of the full-size model.

Run: python sdxl.py   (writes sdxl.safetensors, golden-sdxl.safetensors and keys-sdxl.txt beside itself)

The file has no autoencoder, whose keys are those of Stable Diffusion 2. Weights are rounded to 8-bit floating point and stored in that type.
keys-sdxl.txt is like keys-sd1.txt; {0-9} in a key stands for each of these numbers.
"""

import re
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import UNet2DConditionModel
from make import open_clip_key, unet_key, unet_places
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

HERE = Path(__file__).parent


def build(is_full):
    down = ("DownBlock2D", "CrossAttnDownBlock2D") + ("CrossAttnDownBlock2D",) * is_full
    channels, depths, layers = ((320, 640, 1280), [1, 2, 10], 2) if is_full else ((32, 32), [1, 2], 1)
    widths, projection, size, vocabulary = ((768, 1280), 1280, 256, 49408) if is_full else ((8, 12), 10, 6, 60)
    unet = UNet2DConditionModel(
        sample_size=128, block_out_channels=channels, layers_per_block=layers, cross_attention_dim=sum(widths),
        down_block_types=down, up_block_types=tuple(name.replace("Down", "Up") for name in reversed(down)),
        attention_head_dim=[max(c // 64, 1) for c in channels], use_linear_projection=True, transformer_layers_per_block=depths,
        addition_embed_type="text_time", addition_time_embed_dim=size,
        projection_class_embeddings_input_dim=projection + 6 * size,
    )
    shared = dict(
        vocab_size=vocabulary, max_position_embeddings=77 if is_full else 12, attn_implementation="eager", bos_token_id=0,
        eos_token_id=2, pad_token_id=1,
    )
    first = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=widths[0], intermediate_size=4 * widths[0], num_hidden_layers=12 if is_full else 3,
            num_attention_heads=max(widths[0] // 64, 1), hidden_act="quick_gelu", **shared,
        )
    )
    second = CLIPTextModelWithProjection(
        CLIPTextConfig(
            hidden_size=widths[1], intermediate_size=4 * widths[1], num_hidden_layers=32 if is_full else 3,
            num_attention_heads=max(widths[1] // 64, 1), hidden_act="gelu", projection_dim=projection, **shared,
        )
    )
    return unet, first, second


def single_file(unet, first, second):
    """{key: (tensor, [keys in the folder])}"""
    config = unet.config
    has_transformer = ["CrossAttn" in name for name in config.down_block_types]
    places = list(unet_places(len(has_transformer), config.layers_per_block, has_transformer))
    places += [("label_emb.0.0", "add_embedding.linear_1"), ("label_emb.0.2", "add_embedding.linear_2")]
    found = {}

    def add(key, tensor, source):
        tensors, sources = found.setdefault(key, ([], []))
        tensors.append(tensor)
        sources.append(source)

    def whole(key):
        return key if key.startswith(("text_model.", "text_projection.")) else "text_model." + key

    for key, tensor in unet.state_dict().items():
        add(unet_key(key, places), tensor, f"unet:{key}")
    for key, tensor in first.state_dict().items():
        add("conditioner.embedders.0.transformer." + whole(key), tensor, f"text_encoder:{whole(key)}")
    order = {"q_proj": 0, "k_proj": 1, "v_proj": 2}
    for key, tensor in sorted(second.state_dict().items(), key=lambda item: order.get(item[0].split(".")[-2], 0)):
        key = whole(key)
        name = open_clip_key(key).replace("cond_stage_model.model.", "conditioner.embedders.1.model.")
        if key == "text_projection.weight":
            # OpenCLIP multiplies by the matrix from the right.
            name, tensor = "conditioner.embedders.1.model.text_projection", tensor.T
        add(name, tensor, f"text_encoder_2:{key}")
    return {key: (torch.cat(tensors), sources) for key, (tensors, sources) in found.items()}


def rounded(tensor):
    return tensor.to(torch.float8_e4m3fn).float()


def randomise(module, generator):
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                value = noise * 0.2 + (1.0 if name.endswith("weight") else 0.0)
            else:
                value = noise / parameter[0].numel() ** 0.5
            parameter.copy_(rounded(value))
    return module.eval()


def make():
    generator = torch.Generator().manual_seed(3)
    randn = lambda *shape: torch.randn(*shape, generator=generator)
    unet, first, second = (randomise(module, generator) for module in build(is_full=False))
    golden = {"unet.in": randn(1, 4, 4, 6), "unet.t": torch.tensor([371], dtype=torch.int32)}
    golden["unet.sizes"] = torch.tensor([[48.0, 80, 3, 5, 32, 16]])
    with torch.no_grad():
        states = []
        for name, model in [("text.ids", first), ("text.ids2", second)]:
            ids = torch.randint(0, 60, (1, 12), generator=generator)
            golden[name], output = ids.int(), model(ids, output_hidden_states=True)
            states.append(output.hidden_states[-2])
        golden["text.out"], golden["text.pooled"] = torch.cat(states, dim=-1), output.text_embeds
        added = {"text_embeds": golden["text.pooled"], "time_ids": golden["unet.sizes"]}
        golden["unet.out"] = unet(golden["unet.in"], 371, golden["text.out"], added_cond_kwargs=added).sample

    tensors = single_file(unet, first, second).items()
    tensors = {key: tensor.to(torch.float8_e4m3fn).contiguous() for key, (tensor, _) in tensors}
    tensors["conditioner.embedders.0.transformer.text_model.embeddings.position_ids"] = torch.arange(12)[None]
    tensors["conditioner.embedders.1.model.logit_scale"] = torch.tensor(4.6).half()
    tensors["denoiser.sigmas"] = torch.linspace(0.03, 14.6, 10)
    versions = {"torch": torch.__version__, "diffusers": diffusers.__version__, "transformers": transformers.__version__}
    save_file(tensors, HERE / "sdxl.safetensors", metadata={"format": "pt"})
    save_file(golden, HERE / "golden-sdxl.safetensors", metadata=versions)

    with torch.device("meta"):
        models = build(is_full=True)
    lines, numbered = [], re.compile(r"(transformer_blocks|resblocks|encoder\.layers)\.(\d+)\.")
    groups = {}
    for key, (tensor, sources) in single_file(*models).items():
        line = f"{key} {'x'.join(map(str, tensor.shape))} {' '.join(sources)}"
        numbers = numbered.findall(line)
        groups.setdefault(numbered.sub(r"\1.{}.", line), []).extend(int(n) for _, n in numbers[:1])
    for line, numbers in sorted(groups.items()):
        assert sorted(numbers) == list(range(len(numbers)))
        lines.append(line.replace("{}", f"{{0-{len(numbers) - 1}}}"))
    (HERE / "keys-sdxl.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    make()
