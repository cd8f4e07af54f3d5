"""Five steps of torch's optimisers with parameter groups, on the parameters and gradients of optimizers.safetensors.

Parameter a has a tenth of the learning rate; b has no weight decay. A schedule multiplies both learning rates by the same factor.

Run: python groups.py   (writes groups.safetensors beside itself)
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
inputs = load_file(HERE / "optimizers.safetensors")
RATE = 1e-2
FACTORS = [0.25, 0.5, 1, 0.75, 0.5]
OPTIMIZERS = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=RATE, weight_decay=0.1),
    "sgd": lambda p: torch.optim.SGD(p, lr=RATE, weight_decay=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9, weight_decay=0.1),
}
tensors = {"factors": torch.tensor(FACTORS)}
for name, make in OPTIMIZERS.items():
    parameters = {k: torch.nn.Parameter(inputs[f"start.{k}"].clone()) for k in "ab"}
    optimizer = make([
        {"params": [parameters["a"]], "lr": 0.1 * RATE},
        {"params": [parameters["b"]], "weight_decay": 0},
    ])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: FACTORS[min(step, len(FACTORS) - 1)])
    for i in range(len(FACTORS)):
        for k, parameter in parameters.items():
            parameter.grad = inputs[f"gradient.{i}.{k}"].clone()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimizer.step()
        schedule.step()
        for k, parameter in parameters.items():
            tensors[f"{name}.{i}.{k}"] = parameter.detach().clone()
save_file(tensors, HERE / "groups.safetensors", metadata={"torch": torch.__version__})
