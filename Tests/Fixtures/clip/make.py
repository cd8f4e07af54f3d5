"""Embeddings by small CLIP models with random weights, in the layouts of transformers and OpenCLIP.

Both read captions with the tokenizer in Tests/Fixtures/tokenizer/small, whose last id is its end token, as in CLIP's own.

    pip install torch transformers open_clip_torch safetensors
    python make.py   (writes transformers/, openclip/ and embeddings.safetensors beside itself)
"""

import json
from pathlib import Path

import numpy as np
import open_clip
import torch
import transformers
from open_clip.model import CLIP
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

HERE = Path(__file__).parent
CAPTIONS = ["a red heart", "woman firefighter with medium skin tone", ""]
PREFIX = "a picture of "
tokenizer = CLIPTokenizer.from_pretrained(HERE.parents[2] / "Tests/Fixtures/tokenizer/small")
LENGTH, END, VOCABULARY = 20, tokenizer.eos_token_id, len(tokenizer)


def shaken(model):
    """Uses larger weights than at initialisation, so that the outputs are not lost in rounding; rounded to 16 bits, as in the file."""
    torch.manual_seed(5)
    for parameter in model.parameters():
        noise = torch.randn_like(parameter)
        scale = noise * (0.7 / parameter.shape[-1] ** 0.5) if parameter.dim() > 1 else 0.2 * noise + (parameter.data == 1)
        parameter.data = scale.half().float()
    return model.eval()


def stored(model):
    return {key: value.half().contiguous() for key, value in model.state_dict().items()}


y, x = np.mgrid[:40, :56]
pixels = np.clip(np.stack([np.sin(x / (3 + c) + y / 7) * 90 + 128 for c in range(3)], 2), 0, 255).astype(np.uint8)
short = Image.fromarray(pixels).resize((44, 32), Image.BICUBIC).crop((6, 0, 38, 32))
mean, deviation = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
picture = ((torch.from_numpy(np.asarray(short)).float() / 255 - torch.tensor(mean)) / torch.tensor(deviation)).permute(2, 0, 1)[None]
texts = [PREFIX + caption for caption in CAPTIONS]
ids = tokenizer(texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt").input_ids

small = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
model = shaken(
    CLIPModel(
        CLIPConfig(
            text_config=small | {"vocab_size": VOCABULARY, "max_position_embeddings": LENGTH, "eos_token_id": END, "bos_token_id": END - 1, "pad_token_id": END},
            vision_config=small | {"num_attention_heads": 2, "image_size": 32, "patch_size": 8},
            projection_dim=24,
        )
    )
)
(HERE / "transformers").mkdir(exist_ok=True)
model.config.to_json_file(HERE / "transformers/config.json")
save_file(stored(model), HERE / "transformers/model.safetensors")
golden = {"picture": torch.from_numpy(pixels)}
with torch.no_grad():
    vision = model.vision_model(picture).pooler_output
    golden["transformers.picture"] = model.visual_projection(vision)
    golden["transformers.texts"] = model.text_projection(model.text_model(ids).pooler_output)

configuration = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8, "mlp_ratio": 1.5},
    "text_cfg": {"context_length": LENGTH, "vocab_size": VOCABULARY, "width": 32, "heads": 4, "layers": 2},
}
model = shaken(CLIP(**configuration))
(HERE / "openclip").mkdir(exist_ok=True)
(HERE / "openclip/open_clip_config.json").write_text(
    json.dumps({"model_cfg": configuration, "preprocess_cfg": {"mean": mean, "std": deviation}}, indent=2) + "\n"
)
save_file(stored(model), HERE / "openclip/open_clip_model.safetensors")
# OpenCLIP pads with zeros.
padded = torch.where(torch.cumsum(ids == END, 1) > 1, 0, ids)
with torch.no_grad():
    golden["openclip.picture"] = model.encode_image(picture)
    golden["openclip.texts"] = model.encode_text(padded)
versions = {"torch": torch.__version__, "transformers": transformers.__version__, "open_clip": open_clip.__version__}
save_file({key: value.contiguous() for key, value in golden.items()}, HERE / "embeddings.safetensors", metadata=versions)
