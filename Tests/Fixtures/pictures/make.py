"""Images resized by Pillow and PyTorch, as clean-fid, pytorch-fid and the COCO-2014 protocol do it.

Run: python make.py   (writes pictures.safetensors beside itself)
"""

from pathlib import Path

import numpy as np
import PIL
import torch
from PIL import Image
from safetensors.numpy import save_file

HERE = Path(__file__).parent
rng = np.random.default_rng(0)


def drawing(height, width):
    """Waves with some noise: smooth enough to resemble an image, sharp enough to make cubic curves overshoot."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (3 + c) + y / 7 * c) * 90 + np.where((x // 9 + y // 5) % 2, 60, -60) for c in range(3)]
    return np.clip(np.stack(waves, 2) + 128 + rng.normal(size=(height, width, 3)) * 20, 0, 255).astype(np.uint8)


def floating(pixels, size, filter):
    """Resizes as clean-fid does: each channel separately, without rounding."""
    bands = [Image.fromarray(pixels[:, :, c].astype(np.float32), mode="F").resize(size, filter) for c in range(3)]
    return np.stack([np.asarray(band).clip(0, 255) for band in bands], 2)


tensors = {}
small, large, even = drawing(23, 30), drawing(70, 52), drawing(61, 61)
tensors |= {"small": small, "large": large, "even": even}
for name, pixels in (("small", small), ("large", large), ("even", even)):
    picture = Image.fromarray(pixels)
    for filter in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS):
        tensors[f"{name}.{filter.name.lower()}.float"] = floating(pixels, (37, 37), filter)
        tensors[f"{name}.{filter.name.lower()}.rounded"] = np.asarray(picture.resize((37, 37), filter))
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    plain = torch.nn.functional.interpolate(x, size=(37, 37), mode="bilinear", align_corners=False)
    tensors[f"{name}.plain"] = plain[0].permute(1, 2, 0).contiguous().numpy()
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side)).resize((32, 32), Image.LANCZOS)
    tensors[f"{name}.square"] = np.asarray(square)
    short = picture.resize([extent * 24 // side for extent in picture.size], Image.BICUBIC)
    left, top = (int(round((extent - 24) / 2)) for extent in short.size)
    tensors[f"{name}.cropped"] = np.asarray(short.crop((left, top, left + 24, top + 24)))
save_file(
    {key: np.ascontiguousarray(value) for key, value in tensors.items()},
    HERE / "pictures.safetensors",
    metadata={"pillow": PIL.__version__, "torch": torch.__version__},
)
