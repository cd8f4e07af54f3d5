"""Opens files saved by this library with diffusers and peft, and compares their outputs with the library's.

Run: python check.py FOLDER   (Scripts/check-diffusers creates the folder)

Prints one line per component: name, max |difference|, the same over the reference's standard deviation, ok or FAIL. Exits with 1 on
a failure.
"""

import json
import sys
from pathlib import Path

import diffusers
import peft
import torch
import transformers
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from safetensors.torch import load_file

for library in (diffusers, transformers):
    library.utils.logging.disable_progress_bar()
    library.utils.logging.set_verbosity_error()
FOLDER = Path(sys.argv[1])
LIMIT = 2e-5
failures = 0


def compare(name, ours, reference):
    global failures
    difference = (ours - reference).abs().max().item()
    relative = difference / reference.std().item()
    is_good = ours.shape == reference.shape and relative <= LIMIT
    failures += not is_good
    print(f"{name:36} {difference:9.2e} {relative:9.2e} {'ok' if is_good else 'FAIL'}")


def load(folder):
    return StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, torch_dtype=torch.float32)


def unet_output(unet, golden):
    return unet(golden["unet.in"], golden["unet.t"], golden["text.out"]).sample


def check_model(folder):
    global failures
    pipeline, golden = load(folder), load_file(folder / "golden.safetensors")
    with safe_open(folder / "golden.safetensors", "pt") as file:
        prompts = json.loads(file.metadata()["prompts"])
    length = pipeline.tokenizer.model_max_length
    ids = pipeline.tokenizer(prompts, padding="max_length", max_length=length, truncation=True, return_tensors="pt").input_ids
    compare(f"{folder.name} tokenizer", golden["text.ids"], ids.float())
    compare(f"{folder.name} text encoder", golden["text.out"], pipeline.text_encoder(ids).last_hidden_state)
    compare(f"{folder.name} unet", golden["unet.out"], unet_output(pipeline.unet, golden))
    compare(f"{folder.name} vae decode", golden["vae.out"], pipeline.vae.decode(golden["vae.in"]).sample)
    compare(f"{folder.name} vae encode", golden["vae.enc.mean"], pipeline.vae.encode(golden["vae.enc.in"]).latent_dist.mean)


def adapted(pipeline, folder):
    """Returns the network with the adapter, loaded by the library that reads its layout."""
    if folder.name.endswith("saved-as-peft"):
        return PeftModel.from_pretrained(pipeline.unet, folder)
    if folder.name == "peft-in-memory":
        weights = load_file(folder / "pytorch_lora_weights.safetensors")
        network = get_peft_model(pipeline.unet, LoraConfig(r=4, lora_alpha=4, target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
        mismatch = network.load_state_dict({f"base_model.model.{k}": v for k, v in weights.items()}, strict=False)
        assert not mismatch.unexpected_keys
        return network
    pipeline.load_lora_weights(folder, weight_name="pytorch_lora_weights.safetensors")
    return pipeline.unet


def check_xl(folder, golden):
    """A distilled student of Stable Diffusion XL's kind: its parts, and the images of its one step."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, torch_dtype=torch.float32, add_watermarker=False)
    with safe_open(golden, "pt") as file:
        prompts = json.loads(file.metadata()["prompts"])
    golden = load_file(golden)
    text, _, pooled, _ = pipeline.encode_prompt(prompts, do_classifier_free_guidance=False)
    compare("xl text encoders", golden["text.out"], text)
    compare("xl pooled", golden["text.pooled"], pooled)
    side = [pipeline.default_sample_size * pipeline.vae_scale_factor] * 2
    added = {"text_embeds": pooled, "time_ids": torch.tensor([[*side, 0.0, 0.0, *side]] * len(prompts))}

    def output(timesteps):
        return pipeline.unet(golden["unet.in"], torch.tensor(timesteps), text, added_cond_kwargs=added).sample

    compare("xl unet", golden["unet.out"], output([999, 500, 20]))
    alpha = json.loads((folder / "one_step.json").read_text())["cumulative_alpha"]
    latents = (golden["unet.in"] - (1 - alpha) ** 0.5 * output([999] * 3)) / alpha**0.5
    compare("xl latents in one step", golden["latents"], latents)
    compare("xl images", golden["pictures"], pipeline.vae.decode(golden["latents"] / pipeline.vae.config.scaling_factor).sample)


def check_flow(folder):
    """A model of flow matching: its network and scheduler, and the latents of five steps without guidance."""
    unet = diffusers.UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler.from_pretrained(folder, subfolder="scheduler")
    assert scheduler.config.shift == 3
    golden = load_file(folder / "golden.safetensors")
    scheduler.set_timesteps(5)
    latents = golden["start"]
    for timestep in scheduler.timesteps:
        latents = scheduler.step(unet(latents, timestep, golden["text.out"]).sample, timestep, latents).prev_sample
    compare("flow matching, 5 steps", golden["latents"], latents)


versions = {library.__name__: library.__version__ for library in (torch, diffusers, transformers, peft)}
print(", ".join(f"{name} {version}" for name, version in versions.items()))
with torch.no_grad():
    for folder in sorted((FOLDER / "models").iterdir()):
        check_model(folder)
    teacher = FOLDER / "models/emoji-teacher-F32"
    plain = unet_output(load(teacher).unet, load_file(teacher / "golden.safetensors"))
    for folder in sorted((FOLDER / "adapters").iterdir()):
        golden = load_file(folder / "golden.safetensors")
        pipeline = load(teacher)
        reference = unet_output(adapted(pipeline, folder).eval(), golden)
        assert (reference - plain).abs().max() > 0.1, f"{folder.name}: the adapter changes nothing"
        compare(f"adapter {folder.name}", golden["unet.out"], reference)
        if "text" in folder.name:
            # In Float64: with adapters beside its weights PyTorch's Float32 is 5e-5 from it, and merged ones 1.6e-5.
            exact = pipeline.text_encoder.double()(golden["text.ids"].long()).last_hidden_state
            compare("  its text encoder", golden["text.out"].double(), exact)
    check_flow(FOLDER / "flow/model")
    check_xl(FOLDER / "xl", FOLDER / "xl-golden.safetensors")
sys.exit(failures > 0)
