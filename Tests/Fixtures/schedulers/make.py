"""Golden outputs of diffusers' schedulers with the closed-form network tanh(x) / 2 + t / 2000.

Run: python make.py   (writes schedulers.safetensors and cases.json beside itself)

Covers each class with each of its settings, three timestep spacings and 1, 2, 7 and 25 steps on Stable Diffusion's schedule, and the
scheduler files of well-known models, reproduced here as they are on the Hub. The settings are passed to the classes unchanged. Each case
stores the latents after the last step, starting from noise and, for 7 steps, from an image with strength 0.6: in Float32 as the classes
compute them (`latents`), and entirely in Float64 (`exact`), which shows the accuracy of the former.
"""

import json
import warnings
from contextlib import contextmanager
from pathlib import Path

import diffusers
import numpy
import torch
from safetensors.torch import save_file

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
diffusers.logging.set_verbosity_error()
HERE = Path(__file__).parent
STABLE_DIFFUSION = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
SPACINGS, COUNTS = ("leading", "trailing", "linspace"), (1, 2, 7, 25)
THRESHOLD = dict(thresholding=True, dynamic_thresholding_ratio=0.8, sample_max_value=1.2)
RATIOS = [dict(use_karras_sigmas=True), dict(use_exponential_sigmas=True), dict(use_beta_sigmas=True)]
VELOCITY, ORIGINAL = dict(prediction_type="v_prediction"), dict(prediction_type="sample")
ZERO = dict(rescale_betas_zero_snr=True, prediction_type="v_prediction")
CLASSES = {
    "DDIMScheduler": [
        dict(clip_sample=False), dict(clip_sample=True, clip_sample_range=0.7), dict(THRESHOLD), dict(VELOCITY, clip_sample=False),
        dict(ORIGINAL, clip_sample=False), dict(set_alpha_to_one=False, clip_sample=False), dict(ZERO, clip_sample=False),
        dict(clip_sample=False, eta=0.4), dict(clip_sample=False, eta=1.0), dict(beta_schedule="squaredcos_cap_v2"), dict(beta_schedule="linear"),
    ],
    "DDPMScheduler": [
        dict(clip_sample=False), dict(clip_sample=True), dict(THRESHOLD), dict(VELOCITY, clip_sample=False), dict(ORIGINAL, clip_sample=False),
        dict(clip_sample=False, variance_type="fixed_small_log"), dict(clip_sample=False, variance_type="fixed_large"), dict(ZERO, clip_sample=False),
    ],
    "EulerDiscreteScheduler": [
        {}, *RATIOS, VELOCITY, ORIGINAL, dict(interpolation_type="log_linear"), dict(final_sigmas_type="sigma_min"),
        dict(VELOCITY, timestep_type="continuous"), dict(use_karras_sigmas=True, sigma_min=0.05, sigma_max=9.0), dict(ZERO),
    ],
    "EulerAncestralDiscreteScheduler": [{}, VELOCITY, dict(ZERO)],
    "HeunDiscreteScheduler": [{}, *RATIOS, VELOCITY, ORIGINAL, dict(clip_sample=True, clip_sample_range=0.8)],
    "LMSDiscreteScheduler": [{}, *RATIOS, VELOCITY, ORIGINAL],
    "PNDMScheduler": [{}, dict(skip_prk_steps=True), dict(skip_prk_steps=True, set_alpha_to_one=True), dict(VELOCITY, skip_prk_steps=True), VELOCITY],
    "DPMSolverMultistepScheduler": [
        {}, *RATIOS, VELOCITY, ORIGINAL, THRESHOLD, dict(solver_order=1), dict(solver_order=3), dict(solver_type="heun"),
        dict(euler_at_final=True), dict(lower_order_final=False), dict(final_sigmas_type="sigma_min"), dict(use_lu_lambdas=True),
        dict(lambda_min_clipped=-5.1), dict(algorithm_type="dpmsolver", final_sigmas_type="sigma_min"),
        dict(algorithm_type="dpmsolver", final_sigmas_type="sigma_min", solver_type="heun"),
        dict(algorithm_type="dpmsolver", final_sigmas_type="sigma_min", solver_order=3), dict(algorithm_type="sde-dpmsolver++"),
        dict(algorithm_type="sde-dpmsolver++", solver_type="heun"), dict(algorithm_type="sde-dpmsolver++", solver_order=3),
        dict(algorithm_type="sde-dpmsolver", final_sigmas_type="sigma_min"),
        dict(algorithm_type="sde-dpmsolver", final_sigmas_type="sigma_min", solver_type="heun"), dict(ZERO),
        dict(beta_schedule="squaredcos_cap_v2", use_karras_sigmas=True),
    ],
    "DPMSolverSinglestepScheduler": [
        {}, *RATIOS, VELOCITY, ORIGINAL, THRESHOLD, dict(solver_order=1), dict(solver_order=3), dict(solver_type="heun"),
        dict(solver_order=3, solver_type="heun"), dict(final_sigmas_type="sigma_min"), dict(lower_order_final=True),
        dict(algorithm_type="dpmsolver", final_sigmas_type="sigma_min"),
        dict(algorithm_type="dpmsolver", final_sigmas_type="sigma_min", solver_order=3, solver_type="heun"),
        dict(algorithm_type="sde-dpmsolver++"), dict(algorithm_type="sde-dpmsolver++", solver_order=3),
    ],
    "UniPCMultistepScheduler": [
        {}, *RATIOS, VELOCITY, ORIGINAL, THRESHOLD, dict(solver_order=1), dict(solver_order=3), dict(solver_type="bh1", final_sigmas_type="sigma_min"),
        dict(disable_corrector=[0, 1]), dict(lower_order_final=False, final_sigmas_type="sigma_min"), dict(final_sigmas_type="sigma_min"),
        dict(predict_x0=False, final_sigmas_type="sigma_min"), dict(ZERO),
    ],
    "DEISMultistepScheduler": [{}, *RATIOS, VELOCITY, ORIGINAL, THRESHOLD, dict(solver_order=1), dict(solver_order=3), dict(lower_order_final=False)],
    "KDPM2DiscreteScheduler": [{}, *RATIOS, VELOCITY],
    "KDPM2AncestralDiscreteScheduler": [{}, *RATIOS, VELOCITY],
    "LCMScheduler": [
        {}, dict(original_inference_steps=100), dict(timestep_scaling=5.0), VELOCITY, ORIGINAL, THRESHOLD, dict(clip_sample=True),
    ],
    "TCDScheduler": [{}, dict(eta=0.3), dict(eta=1.0), dict(VELOCITY, eta=0.5), dict(ORIGINAL, eta=0.2), dict(original_inference_steps=100)],
}
FLOW = [{}, dict(shift=3.0), dict(shift=0.5, num_train_timesteps=100)]
BASE = dict(beta_end=0.012, beta_schedule="scaled_linear", beta_start=0.00085, num_train_timesteps=1000, trained_betas=None)
MODELS = {
    "stable-diffusion-v1-5": dict(BASE, _class_name="PNDMScheduler", set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1, clip_sample=False),
    "stable-diffusion-2-1-base": dict(
        BASE, _class_name="PNDMScheduler", clip_sample=False, prediction_type="epsilon", set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1,
    ),
    "stable-diffusion-2-1": dict(
        BASE, _class_name="DDIMScheduler", clip_sample=False, prediction_type="v_prediction", set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1,
    ),
    "sd-turbo": dict(
        BASE, _class_name="EulerDiscreteScheduler", clip_sample=False, interpolation_type="linear", prediction_type="epsilon", sample_max_value=1.0,
        set_alpha_to_one=False, sigma_max=None, sigma_min=None, skip_prk_steps=True, steps_offset=1, timestep_spacing="trailing",
        timestep_type="discrete", use_karras_sigmas=False,
    ),
    "lcm-dreamshaper-v7": dict(
        BASE, _class_name="LCMScheduler", clip_sample=False, clip_sample_range=1.0, dynamic_thresholding_ratio=0.995, original_inference_steps=50,
        prediction_type="epsilon", rescale_betas_zero_snr=False, sample_max_value=1.0, set_alpha_to_one=True, steps_offset=1, thresholding=False,
        timestep_scaling=10.0, timestep_spacing="leading",
    ),
    "openjourney": dict(BASE, _class_name="PNDMScheduler", clip_sample=False, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1),
    "dreamlike-photoreal-2.0": dict(
        BASE, _class_name="DPMSolverMultistepScheduler", algorithm_type="dpmsolver++", clip_sample=False, dynamic_thresholding_ratio=0.995,
        lower_order_final=True, prediction_type="epsilon", sample_max_value=1.0, set_alpha_to_one=False, skip_prk_steps=True, solver_order=2,
        solver_type="midpoint", steps_offset=1, thresholding=False,
    ),
    "anything-v5": dict(
        BASE, _class_name="PNDMScheduler", clip_sample=False, prediction_type="epsilon", set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1,
        timestep_spacing="leading",
    ),
    "realistic-vision-v5-1": dict(
        BASE, _class_name="PNDMScheduler", clip_sample=False, prediction_type="epsilon", set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1,
        timestep_spacing="leading",
    ),
    "sdxl-base": dict(
        BASE, _class_name="EulerDiscreteScheduler", clip_sample=False, interpolation_type="linear", prediction_type="epsilon", sample_max_value=1.0,
        set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1, timestep_spacing="leading", use_karras_sigmas=False,
    ),
    "waifu-diffusion": dict(BASE, _class_name="PNDMScheduler", clip_sample=False, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1),
    "tiny-sd": dict(
        BASE, _class_name="DPMSolverMultistepScheduler", algorithm_type="dpmsolver++", clip_sample=False, lower_order_final=True,
        prediction_type="epsilon", set_alpha_to_one=False, skip_prk_steps=True, solver_order=2, solver_type="midpoint", steps_offset=1,
        timestep_spacing="leading", use_karras_sigmas=False,
    ),
    "zero-snr-v": dict(
        BASE, _class_name="DDIMScheduler", clip_sample=False, prediction_type="v_prediction", rescale_betas_zero_snr=True, set_alpha_to_one=False,
        steps_offset=1, timestep_spacing="trailing",
    ),
}


def network(x, t):
    return (torch.tanh(x) / 2 + torch.as_tensor(t).float() / 2000).float()


@contextmanager
def float64():
    """Replaces Float32, in which the classes compute their tables, by Float64."""
    names = [(torch, "float32", torch.float64), (numpy, "float32", numpy.float64), (torch.Tensor, "float", torch.Tensor.double)]
    kept = [getattr(home, name) for home, name, _ in names]
    for home, name, value in names:
        setattr(home, name, value)
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        for (home, name, _), value in zip(names, kept):
            setattr(home, name, value)
        torch.set_default_dtype(torch.float32)


FLOAT32, draw = torch.float32, torch.randn
torch.randn = lambda *shape, **options: draw(*shape, **options | dict(dtype=FLOAT32)).to(torch.get_default_dtype())


def sample(name, options, steps, seed, strength=None):
    options = dict(options)
    eta = options.pop("eta", None)
    scheduler = getattr(diffusers, name).from_config(options)
    scheduler.set_timesteps(steps)
    generator = torch.manual_seed(seed)
    skipped = 0 if strength is None else (steps - int(steps * strength)) * scheduler.order
    timesteps = scheduler.timesteps[skipped:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(skipped)
    start = torch.randn(1, 4, 2, 2, generator=generator)
    if strength is None:
        x = start * getattr(scheduler, "init_noise_sigma", 1)
    else:
        add_noise = getattr(scheduler, "add_noise", None) or (lambda x, noise, t: scheduler.scale_noise(x, t, noise))
        x = add_noise(start, torch.randn(1, 4, 2, 2, generator=generator), timesteps[:1])
    parameters = scheduler.step.__code__.co_varnames
    extra = {key: value for key, value in (("generator", generator), ("eta", eta or 0.0)) if key in parameters}
    scale = getattr(scheduler, "scale_model_input", lambda x, t: x)
    for t in timesteps:
        x = scheduler.step(network(scale(x, t), t), t, x, **extra).prev_sample
    return x.float()


finals, exact, described, refused = [], [], [], []


def add(group, name, options, steps, strength=None):
    seed = 100 + len(described)
    try:
        x = sample(name, options, steps, seed, strength)
    except Exception as error:
        refused.append(f"{name} {options} {steps}: {type(error).__name__}")
        return
    with float64():
        truth = sample(name, options, steps, seed, strength)
    error = ((x - truth).abs().max() / truth.std()).item()
    if not error <= 0.01:
        refused.append(f"{name} {options} {steps}: Float32 is {error:.1e} from Float64")
        return
    finals.append(x)
    exact.append(truth.to(FLOAT32))
    options = {k: v for k, v in options.items() if k != "eta"} | {"_class_name": name}
    described.append(dict(group=group, steps=steps, seed=seed, eta=settings_eta, strength=strength, configuration=options))


for name, variants in CLASSES.items():
    hasSpacing = name not in ("DPMSolverSinglestepScheduler", "LCMScheduler", "TCDScheduler")
    for variant in variants:
        settings_eta = variant.get("eta")
        for spacing in SPACINGS if hasSpacing else (None,):
            options = dict(STABLE_DIFFUSION) | variant
            if spacing:
                options["timestep_spacing"] = spacing
            for steps in COUNTS:
                add("setting", name, options, steps)
            if spacing in (None, "leading"):
                add("picture", name, options, 7, 0.6)
for model, options in MODELS.items():
    settings_eta = None
    for steps in COUNTS:
        add(model, options["_class_name"], {k: v for k, v in options.items() if k != "_class_name"}, steps)
settings_eta = None
for variant in FLOW:
    for steps in COUNTS:
        add("flow matching", "FlowMatchEulerDiscreteScheduler", variant, steps)
    add("picture", "FlowMatchEulerDiscreteScheduler", variant, 7, 0.6)
print(len(described), "cases;", len(refused), "that diffusers does not support:", *refused, sep="\n")
versions = {"torch": torch.__version__, "diffusers": diffusers.__version__}
save_file({"latents": torch.cat(finals), "exact": torch.cat(exact)}, HERE / "schedulers.safetensors", metadata=versions)
(HERE / "cases.json").write_text(json.dumps({"cases": described, "versions": versions}, separators=(",", ":")) + "\n")
