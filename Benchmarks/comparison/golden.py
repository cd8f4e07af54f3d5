"""Inputs of a model's parts and their outputs by PyTorch in Float32, as Tests/Fixtures/full-size writes them."""

import numpy
import torch
from safetensors.torch import load_file


def inputs(options):
    tensors = load_file(options.golden)
    return {
        "text": lambda: (tensors["text.ids"].long(),),
        "unet": lambda: (tensors["unet.in"], torch.tensor(999), tensors["text.out"]),
        "decode": lambda: (tensors["vae.in"],),
    }[options.part]()


def errors(output, options):
    """The error of an output over the reference's standard deviation."""
    name = {"text": "text.out", "unet": "unet.out", "decode": "vae.out"}[options.part]
    reference = load_file(options.golden)[name].double().numpy()
    difference = numpy.asarray(output, dtype=numpy.float64) - reference
    deviation = reference.std()
    return {"rms": float(numpy.sqrt((difference**2).mean()) / deviation), "max": float(abs(difference).max() / deviation)}
