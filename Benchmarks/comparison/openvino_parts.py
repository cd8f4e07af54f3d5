"""The same parts in OpenVINO, converted from diffusers' modules once and cached."""

import subprocess
import sys

import openvino
import torch
import torch_parts
from models import CACHE


class Forward(torch.nn.Module):
    """A module that returns one tensor, as the conversion requires."""

    def __init__(self, module, part):
        super().__init__()
        self.module = module
        self.call = torch_parts.forward(module, part)

    def forward(self, *inputs):
        return self.call(*inputs)


def file(options):
    shape = f"{options.batch}x{options.size or 'own'}x{options.tokens}" + ("-golden" if options.golden else "")
    return CACHE / "openvino" / f"{options.model.name}-{options.part}-{shape}.xml"


@torch.inference_mode()
def convert(options):
    """Writes the model and its random inputs."""
    target = file(options)
    target.parent.mkdir(parents=True, exist_ok=True)
    module, inputs = torch_parts.module(options)
    shapes = [tuple(x.shape) for x in inputs]
    model = openvino.convert_model(Forward(module, options.part).eval(), example_input=inputs, input=shapes)
    torch.save([x.numpy() for x in inputs], target.with_suffix(".pt"))
    openvino.save_model(model, target, compress_to_fp16=False)


def load(options):
    if not file(options).exists():
        # In a separate process: conversion takes much memory, and memory is measured.
        subprocess.run([sys.executable, __file__, *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
    inputs = torch.load(file(options).with_suffix(".pt"), weights_only=False)
    settings = {"INFERENCE_NUM_THREADS": options.threads}
    if options.precision == "float32":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    compiled = openvino.Core().compile_model(str(file(options)), "CPU", settings)
    return lambda: compiled(inputs)[0]


if __name__ == "__main__":
    import peer

    convert(peer.parse())
