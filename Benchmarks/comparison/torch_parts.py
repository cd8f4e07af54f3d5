"""The parts of a diffusers folder in PyTorch."""

import json

import golden
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from transformers import CLIPTextModel


def module(options):
    """A part's module and inputs for it."""
    network, example = module_and_random_inputs(options)
    return network, golden.inputs(options) if options.golden else example


def module_and_random_inputs(options):
    torch.manual_seed(0)
    folder, batch = options.model, options.batch
    if options.part == "text":
        text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32).eval()
        return text, (torch.randint(0, text.config.vocab_size, (batch, options.tokens)),)
    if options.part == "decode":
        name = json.loads((folder / "vae/config.json").read_text())["_class_name"]
        kind = {"AutoencoderKL": AutoencoderKL, "AutoencoderTiny": AutoencoderTiny}[name]
        size = options.size or 64
        return kind.from_pretrained(folder / "vae").eval(), (torch.randn(batch, 4, size, size),)
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32).eval()
    size = options.size or unet.config.sample_size
    text = torch.randn(batch, options.tokens, unet.config.cross_attention_dim)
    return unet, (torch.randn(batch, 4, size, size), torch.tensor(999), text)


def forward(module, part):
    """A function of the inputs that returns one tensor."""
    if part == "text":
        return lambda ids: module(ids).last_hidden_state
    if part == "decode":
        return lambda latents: module.decode(latents).sample
    return lambda latents, timestep, text: module(latents, timestep, text).sample


def load(options):
    torch.set_num_threads(options.threads)
    network, inputs = module(options)
    call = forward(network, options.part)

    fast = options.precision == "fast"
    if fast:
        network = network.to(memory_format=torch.channels_last)
        inputs = [x.to(memory_format=torch.channels_last) if x.ndim == 4 else x for x in inputs]

    @torch.inference_mode()
    def infer():
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            return call(*inputs).float()

    def train():
        output = call(*inputs)
        output.backward(output.detach())
        network.zero_grad()

    return train if options.part == "training" else infer
