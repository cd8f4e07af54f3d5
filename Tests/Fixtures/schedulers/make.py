"""Goldens of diffusers' samplers over a network that is a formula: tanh(x) / 2 + t / 2000.

Run: python make.py   (writes schedulers.safetensors and cases.json beside itself)
"""

import json
from pathlib import Path

import diffusers
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from safetensors.torch import save_file

HERE = Path(__file__).parent
STABLE_DIFFUSION = dict(
    beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
)
CASES = [
    ("ddim", 25, 0.0, dict(STABLE_DIFFUSION, set_alpha_to_one=False)),
    ("ddim", 7, 1.0, dict(STABLE_DIFFUSION, set_alpha_to_one=False)),
    ("ddim", 10, 0.3, dict(STABLE_DIFFUSION, prediction_type="v_prediction", timestep_spacing="trailing")),
    ("ddim", 5, 0.0, dict(STABLE_DIFFUSION, prediction_type="sample", timestep_spacing="linspace")),
    ("ddim", 8, 0.0, dict(num_train_timesteps=500)),
    ("ddim", 6, 0.0, dict(beta_schedule="squaredcos_cap_v2", clip_sample_range=0.5)),
    (
        "ddim",
        9,
        0.0,
        dict(
            STABLE_DIFFUSION,
            rescale_betas_zero_snr=True,
            prediction_type="v_prediction",
            timestep_spacing="trailing",
        ),
    ),
    ("ddpm", 12, 0.0, dict(STABLE_DIFFUSION)),
    ("ddpm", 6, 0.0, dict(STABLE_DIFFUSION, variance_type="fixed_large", prediction_type="v_prediction")),
    ("ddpm", 4, 0.0, dict(timestep_spacing="trailing")),
]


def network(x, t):
    return torch.tanh(x) / 2 + t / 2000


def main():
    tensors, cases = {}, []
    for number, (name, steps, eta, options) in enumerate(CASES):
        scheduler = {"ddim": DDIMScheduler, "ddpm": DDPMScheduler}[name](**options)
        scheduler.set_timesteps(steps)
        generator = torch.manual_seed(100 + number)
        x = torch.randn(1, 4, 3, 5, generator=generator)
        tensors[f"{number}.start"] = x.clone()
        tensors[f"{number}.cumulativeAlphas"] = scheduler.alphas_cumprod.clone()
        extra = {"eta": eta} if name == "ddim" else {}
        xs, originals = [], []
        for t in scheduler.timesteps:
            step = scheduler.step(network(x, t), t, x, generator=generator, **extra)
            x = step.prev_sample
            xs.append(x)
            originals.append(step.pred_original_sample)
        tensors[f"{number}.latents"] = torch.cat(xs).contiguous()
        tensors[f"{number}.originals"] = torch.cat(originals).contiguous()
        cases.append(
            {
                "sampler": name,
                "steps": steps,
                "eta": eta,
                "seed": 100 + number,
                "timesteps": scheduler.timesteps.tolist(),
                "configuration": dict(scheduler.config),
            }
        )
    versions = {"torch": torch.__version__, "diffusers": diffusers.__version__}
    save_file(tensors, HERE / "schedulers.safetensors", metadata=versions)
    text = json.dumps({"cases": cases, "versions": versions}, indent=1, default=list)
    (HERE / "cases.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
