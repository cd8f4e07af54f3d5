"""Prompt embeddings by diffusers and transformers with Examples/Models/emoji-teacher in Float32: clip skip, textual inversion, prompt
weights, and prompts longer than one window. The model's tokenizer has windows of 20 tokens, so that a sentence needs several.

Run: python make.py   (writes prompts.safetensors, cases.json and the files of textual inversions beside itself)

clip.N and inversion.N come from StableDiffusionPipeline.encode_prompt, the latter after load_textual_inversion. weights.N comes from an
independent implementation of the formula documented by PromptEncoding and WeightedPrompt: windows of start, 18 tokens, end, padding; each
token's embedding times its weight; then all embeddings of the prompt are scaled to restore their mean.
"""

import json
import re
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

HERE = Path(__file__).parent
MODEL = HERE.parents[2] / "Examples/Models/emoji-teacher"
LONG = "a red heart with a ribbon, a blue circle, a yellow face with tears of joy, a cat with heart-shaped eyes and a dog in the snow"
golden, cases = {}, {"clip": [], "inversion": [], "weights": []}


def pipeline():
    pipe = StableDiffusionPipeline.from_pretrained(MODEL, torch_dtype=torch.float32)
    pipe.text_encoder.to(torch.float32)
    # diffusers 0.42.1 expects the normalisation where transformers before version 5 had it.
    if not hasattr(pipe.text_encoder, "text_model"):
        object.__setattr__(pipe.text_encoder, "text_model", pipe.text_encoder)
    return pipe


@torch.no_grad()
def encode(pipe, prompt, **options):
    return pipe.encode_prompt(prompt, "cpu", 1, False, **options)[0][0]


pipe = pipeline()
layers = pipe.text_encoder.config.num_hidden_layers
for skip in range(layers + 1):
    golden[f"clip.{skip}"] = encode(pipe, "a red heart", clip_skip=skip)
    cases["clip"].append(["a red heart", skip])

width = pipe.text_encoder.config.hidden_size
generator = torch.Generator().manual_seed(3)
one, several = torch.randn(1, width, generator=generator) * 0.1, torch.randn(3, width, generator=generator) * 0.1
save_file({"<Cat-toy>": one[0].clone()}, HERE / "learned_embeds.safetensors")
save_file({"emb_params": several}, HERE / "my-style.safetensors")
pipe.load_textual_inversion(str(HERE / "learned_embeds.safetensors"))
pipe.load_textual_inversion(str(HERE / "my-style.safetensors"), token="my-style")
for number, prompt in enumerate(
    ["a <cat-toy> in the snow", "a photo of my-style, red", "my-style <Cat-toy><Cat-toy>", "a my-style_1 heart", "a red heart"]
):
    golden[f"inversion.{number}"] = encode(pipe, prompt)
    cases["inversion"].append(prompt)

pipe = pipeline()
tokenizer, encoder = pipe.tokenizer, pipe.text_encoder
length = tokenizer.model_max_length


def parse(prompt):
    """Parses recursively: text in brackets is parsed separately."""
    def inside(text, opening, closing):
        depth, index = 0, 0
        while index < len(text):
            if text[index] == "\\":
                index += 1
            elif text[index] == opening:
                depth += 1
            elif text[index] == closing:
                depth -= 1
                if depth == 0:
                    return text[1:index], text[index + 1:]
            index += 1
        return text[1:], ""
    pieces, plain = [], ""
    while prompt:
        if prompt[0] == "\\":
            plain, prompt = plain + (prompt[1:2] if prompt[1:2] in tuple("()[]\\") else ""), prompt[2 if prompt[1:2] in tuple("()[]\\") else 1:]
        elif prompt[0] in "([":
            pieces.append((plain, 1.0))
            plain, factor = "", 1.1 if prompt[0] == "(" else 1 / 1.1
            content, prompt = inside(prompt, prompt[0], ")" if prompt[0] == "(" else "]")
            if factor == 1.1 and (match := re.search(r":\s*([+-]?[0-9.]+)\s*$", content)):
                content, factor = content[:match.start()], float(match.group(1))
            pieces += [(text, weight * factor) for text, weight in parse(content)]
        else:
            plain, prompt = plain + prompt[0], prompt[1:]
    return pieces + [(plain, 1.0)]


@torch.no_grad()
def weighted(prompt, windows=None):
    ids, weights = [], []
    merged = []
    for text, weight in parse(prompt):
        if merged and merged[-1][1] == weight:
            merged[-1][0] += text
        elif text:
            merged.append([text, weight])
    for text, weight in merged:
        words = tokenizer(text, add_special_tokens=False).input_ids
        ids += words
        weights += [weight] * len(words)
    room = length - 2
    windows = windows or max(-(-len(ids) // room), 1)
    rows, row_weights = [], []
    for window in range(windows):
        own, scale = ids[window * room:(window + 1) * room], weights[window * room:(window + 1) * room]
        rows.append([tokenizer.bos_token_id] + own + [tokenizer.eos_token_id] + [tokenizer.pad_token_id] * (room - len(own)))
        row_weights += [1.0] + scale + [1.0] * (room - len(own) + 1)
    hidden = encoder(torch.tensor(rows)).last_hidden_state.reshape(windows * length, width)
    # In Float64, because the means are small differences of large sums.
    before = hidden.double().mean()
    hidden = hidden * torch.tensor(row_weights)[:, None]
    return hidden * (before / hidden.double().mean()).float()


for number, (prompt, windows) in enumerate([
    ("a (red) heart", None), ("a ((red)) [heart]", None), ("(a red heart:1.3) and (snow:0.5)", None), ("a (red heart", None),
    ("a (blue (red:1.5) circle) \\(in the snow\\)", None), ("a heart: red (a:b) ]", None), ("[[a]] [red (heart:2)]", None), (LONG, None),
    (LONG.replace("yellow", "(yellow:1.4)"), None), ("a red heart", 3), ("", 2),
]):
    golden[f"weights.{number}"] = weighted(prompt, windows)
    cases["weights"].append([prompt, windows or len(golden[f"weights.{number}"]) // length])

versions = {"torch": torch.__version__, "diffusers": diffusers.__version__, "transformers": transformers.__version__}
save_file({k: v.clone() for k, v in golden.items()}, HERE / "prompts.safetensors", metadata=versions)
(HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
print({k: tuple(v.shape) for k, v in golden.items()})
