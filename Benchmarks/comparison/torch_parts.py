"""The parts of a diffusers folder in PyTorch."""

import json

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from transformers import CLIPTextModel


def module(options):
    """A part's module and random inputs for it."""
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

    @torch.inference_mode()
    def infer():
        call(*inputs)

    def train():
        output = call(*inputs)
        output.backward(output.detach())
        network.zero_grad()

    return train if options.part == "training" else infer
