"""Features of FID's Inception-v3 with random weights, which the test generates from the same seed, so that 90 MB need not be stored.

    pip install torch torchvision pytorch-fid==0.3.0
    python make.py   (writes features.safetensors beside itself; and keys.txt, the weights in the order in which they are sampled)
"""

from pathlib import Path

import numpy as np
import pytorch_fid.inception
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file

HERE = Path(__file__).parent
drawn = {}


def random_weights(url, progress):
    """Replaces pytorch-fid's download. Each tensor has at least 16 numbers; for fewer, torch samples differently."""
    template = pytorch_fid.inception._inception_v3(num_classes=1008, aux_logits=False, weights=None)
    torch.manual_seed(11)
    for key, value in template.state_dict().items():
        if key.startswith("fc."):
            drawn[key] = torch.zeros_like(value)
        elif key.endswith("num_batches_tracked"):
            drawn[key] = value
        else:
            noise = torch.randn(value.shape)
            if value.dim() == 4:
                drawn[key] = noise * (2 / value[0].numel()) ** 0.5
            elif key.endswith("running_var"):
                drawn[key] = 0.5 + noise.abs()
            else:
                drawn[key] = noise * 0.1 + (1 if key.endswith("bn.weight") else 0)
    return drawn


pytorch_fid.inception.load_state_dict_from_url = random_weights
network = pytorch_fid.inception.InceptionV3([3]).eval()

# As in ../pictures, but with the sizes needed here.
y, x = np.mgrid[:80, :120]
waves = np.stack([np.sin(x / (5 + c) + y / 11 * c) * 90 + np.where((x // 19 + y // 13) % 2, 60, -60) for c in range(3)], 2)
picture = np.clip(waves + 128, 0, 255).astype(np.uint8)
with torch.no_grad():
    features = network(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)[0].flatten(1)
    bands = [Image.fromarray(picture[:, :, c].astype(np.float32)).resize((299, 299), Image.BICUBIC) for c in range(3)]
    clean = torch.from_numpy(np.stack([np.asarray(band).clip(0, 255) for band in bands]))[None]
    # clean-fid's normalisation, without resizing inside the network.
    network.resize_input = network.normalize_input = False
    clean_features = network((clean - 128) / 128)[0].flatten(1)
keys = [f"{key} {' '.join(map(str, value.shape))}" for key, value in drawn.items() if not key.startswith("fc.") and value.dim()]
(HERE / "keys.txt").write_text("\n".join(keys) + "\n")
save_file(
    {"picture": torch.from_numpy(picture), "pytorch-fid": features, "clean": clean_features},
    HERE / "features.safetensors",
    metadata={"torch": torch.__version__, "torchvision": torchvision.__version__, "pytorch-fid": "0.3.0"},
)
