"""Five steps of torch's optimisers and of diffusers' EMAModel on two parameters, with global-norm clipping.

Run: python make.py   (writes optimizers.safetensors beside itself)
"""

from pathlib import Path

import diffusers
import torch
from diffusers.training_utils import EMAModel
from safetensors.torch import save_file

HERE = Path(__file__).parent
STEPS = 5
torch.manual_seed(0)
start = {"a": torch.randn(3, 4), "b": torch.randn(7)}
gradients = [{k: torch.randn_like(v) * 10 ** -(i % 3) for k, v in start.items()} for i in range(STEPS)]
tensors = {f"start.{k}": v for k, v in start.items()}
for i, step in enumerate(gradients):
    tensors |= {f"gradient.{i}.{k}": v for k, v in step.items()}

OPTIMIZERS = {
    "adam": lambda p: torch.optim.Adam(p, lr=1e-2),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1, betas=(0.8, 0.99), eps=1e-6),
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-2),
    "momentum": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9),
}
for name, make in OPTIMIZERS.items():
    parameters = {k: torch.nn.Parameter(v.clone()) for k, v in start.items()}
    optimizer = make(parameters.values())
    ema = EMAModel(parameters.values(), decay=0.9999, use_ema_warmup=False) if name == "adam" else None
    for i, step in enumerate(gradients):
        for k, parameter in parameters.items():
            parameter.grad = step[k].clone()
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimizer.step()
        tensors[f"{name}.{i}.norm"] = norm.reshape(1)
        for k, parameter in parameters.items():
            tensors[f"{name}.{i}.{k}"] = parameter.detach().clone()
        if ema:
            ema.step(parameters.values())
            for k, shadow in zip(parameters, ema.shadow_params):
                tensors[f"ema.{i}.{k}"] = shadow.clone()
save_file(tensors, HERE / "optimizers.safetensors", metadata={"torch": torch.__version__, "diffusers": diffusers.__version__})
