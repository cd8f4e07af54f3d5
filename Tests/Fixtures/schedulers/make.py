"""Goldens of diffusers' samplers over a network that is a formula: tanh(x) / 2 + t / 2000.

Run: python make.py   (writes schedulers.safetensors and cases.json beside itself)

Every step is kept of the first cases; of the sweep, in which each sampler makes 1 to 50 steps, the last alone.

The schedulers' tables are replaced by the same ones in Float64, so that what is compared is the method and not the rounding of
a running Float32 product. Latents are stored as alpha x0 + sigma epsilon with alpha² + sigma² = 1, also where diffusers keeps
them at unit signal (Euler).
"""

import json
from contextlib import contextmanager, nullcontext
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import (
    DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler,
    LCMScheduler,
)
from safetensors.torch import save_file

HERE = Path(__file__).parent
STABLE_DIFFUSION = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
CLASSES = {
    "ddim": DDIMScheduler, "ddpm": DDPMScheduler, "euler": EulerDiscreteScheduler,
    "eulerAncestral": EulerAncestralDiscreteScheduler, "dpmSolver": DPMSolverMultistepScheduler, "lcm": LCMScheduler,
}
SPACINGS, PREDICTIONS, COUNTS = ("leading", "trailing", "linspace"), ("epsilon", "v_prediction", "sample"), (1, 2, 9, 50)

cases = []
for sampler in CLASSES:
    for spacing in SPACINGS if sampler != "lcm" else SPACINGS[:1]:
        for prediction in PREDICTIONS:
            for steps in COUNTS:
                if sampler == "eulerAncestral" and prediction == "sample":
                    continue  # diffusers has none
                if sampler == "lcm":
                    extra = dict(clip_sample=False)
                else:
                    extra = dict(timestep_spacing=spacing, steps_offset=1 if spacing == "leading" else 0)
                    if sampler in ("ddim", "ddpm"):
                        extra["clip_sample"] = False
                cases.append((sampler, steps, 0.0, dict(STABLE_DIFFUSION, prediction_type=prediction, **extra)))
cases += [
    ("ddim", 25, 0.0, dict(STABLE_DIFFUSION, clip_sample=False, steps_offset=1, set_alpha_to_one=False)),
    ("ddim", 7, 1.0, dict(STABLE_DIFFUSION, clip_sample=False, steps_offset=1, set_alpha_to_one=False)),
    ("ddim", 10, 0.3, dict(STABLE_DIFFUSION, clip_sample=False, prediction_type="v_prediction", timestep_spacing="trailing")),
    ("ddim", 8, 0.0, dict(num_train_timesteps=500)),
    ("ddim", 6, 0.0, dict(beta_schedule="squaredcos_cap_v2", clip_sample_range=0.5)),
    (
        "ddim", 9, 0.0,
        dict(
            STABLE_DIFFUSION, clip_sample=False, rescale_betas_zero_snr=True, prediction_type="v_prediction",
            timestep_spacing="trailing",
        ),
    ),
    ("ddpm", 6, 0.0, dict(STABLE_DIFFUSION, clip_sample=False, variance_type="fixed_large", prediction_type="v_prediction")),
    ("ddpm", 4, 0.0, dict(timestep_spacing="trailing")),
]
for sampler in CLASSES:
    if sampler == "lcm":
        continue
    for spacing in SPACINGS:
        options = dict(STABLE_DIFFUSION, rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing=spacing)
        if sampler in ("ddim", "ddpm"):
            options["clip_sample"] = False
        cases.append((sampler, 9, 0.0, options))
stepwise = len(cases)
for sampler in CLASSES:
    variants = [
        (spacing, prediction) for prediction in PREDICTIONS for spacing in (SPACINGS if sampler != "lcm" else SPACINGS[:1])
        if not (sampler == "eulerAncestral" and prediction == "sample")
    ]
    for steps in range(1, 51):
        spacing, prediction = variants[steps % len(variants)]
        options = dict(STABLE_DIFFUSION, prediction_type=prediction)
        if sampler != "lcm":
            options["timestep_spacing"] = spacing
        if sampler in ("ddim", "ddpm", "lcm"):
            options["clip_sample"] = False
        cases.append((sampler, steps, 0.0, options))


def table(config):
    """The cumulative alphas in Float64."""
    n = config.num_train_timesteps
    if config.beta_schedule == "scaled_linear":
        betas = torch.linspace(config.beta_start**0.5, config.beta_end**0.5, n, dtype=torch.float64).square()
    elif config.beta_schedule == "linear":
        betas = torch.linspace(config.beta_start, config.beta_end, n, dtype=torch.float64)
    else:
        time = torch.arange(n + 1, dtype=torch.float64) / n
        remaining = torch.cos((time + 0.008) / 1.008 * torch.pi / 2).square()
        betas = (1 - remaining[1:] / remaining[:-1]).clamp(max=0.999)
    cumulative = torch.cumprod(1 - betas, 0)
    if config.get("rescale_betas_zero_snr"):
        roots = cumulative.sqrt()
        cumulative = ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])).square()
    return cumulative


@contextmanager
def double_precision(scheduler, cumulative):
    """Where σ/α starts at 4096, Euler's methods lose four digits to the Float32 that diffusers rounds σ and samples to: not here."""
    grid = ((1 - cumulative) / cumulative).sqrt().numpy()
    sigmas = np.interp(scheduler.timesteps.numpy(), np.arange(len(grid)), grid)
    scheduler.sigmas = torch.from_numpy(np.append(sigmas, 0.0))
    convert = torch.Tensor.to
    torch.Tensor.to = lambda x, *args, **named: x if torch.float32 in (*args, named.get("dtype")) else convert(x, *args, **named)
    try:
        yield
    finally:
        torch.Tensor.to = convert


def network(x, t):
    return (torch.tanh(x) / 2 + t / 2000).float()  # noise is drawn in the type of the output


tensors, described = {}, []
for number, (name, steps, eta, options) in enumerate(cases):
    scheduler = CLASSES[name](**options)
    cumulative = table(scheduler.config)
    if scheduler.config.get("rescale_betas_zero_snr") and name not in ("ddim", "ddpm"):
        cumulative[-1] = 2**-24  # as diffusers does for the samplers that divide by the signal
    # LCM draws its noise in the table's type.
    scheduler.alphas_cumprod = cumulative.float() if name == "lcm" else cumulative
    if name == "ddim" and not scheduler.config.set_alpha_to_one:
        scheduler.final_alpha_cumprod = cumulative[0]
    scheduler.set_timesteps(steps)
    vanishes = scheduler.config.get("rescale_betas_zero_snr") and name.startswith("euler")
    with double_precision(scheduler, cumulative) if vanishes else nullcontext():
        generator = torch.manual_seed(100 + number)
        start = torch.randn(1, 4, 2, 2, generator=generator)
        x = (start if name == "lcm" else start.double()) * scheduler.init_noise_sigma
        latents = []
        for i, t in enumerate(scheduler.timesteps):
            if hasattr(scheduler, "is_scale_input_called"):
                scaled = scheduler.scale_model_input(x, t)
            else:
                scaled = x
            extra = {"eta": eta} if name == "ddim" else {}
            if name not in ("dpmSolver",) and not (name == "euler"):
                extra["generator"] = generator
            x = scheduler.step(network(scaled, t), t, x, **extra).prev_sample
            scale = (1 + scheduler.sigmas[i + 1] ** 2) ** 0.5 if name.startswith("euler") else 1
            latents.append((x / scale).float())
    tensors[f"{number}.latents"] = torch.cat(latents if number < stepwise else latents[-1:]).contiguous()
    if number < stepwise:
        tensors[f"{number}.timesteps"] = scheduler.timesteps.float()
    options = {k: v for k, v in options.items()} | {"_class_name": CLASSES[name].__name__}
    described.append({"sampler": name, "steps": steps, "eta": eta, "seed": 100 + number, "configuration": options})
versions = {"torch": torch.__version__, "diffusers": diffusers.__version__}
save_file(tensors, HERE / "schedulers.safetensors", metadata=versions)
(HERE / "cases.json").write_text(json.dumps({"cases": described, "versions": versions}, separators=(",", ":")) + "\n")
