"""The same parts in OpenVINO, in Float32, converted from diffusers' modules once and kept beside the model."""

import openvino
import torch
import torch_parts


class Forward(torch.nn.Module):
    """A module that gives one tensor, which is what conversion wants."""

    def __init__(self, module, part):
        super().__init__()
        self.module = module
        self.call = torch_parts.forward(module, part)

    def forward(self, *inputs):
        return self.call(*inputs)


def load(options):
    shape = f"{options.batch}x{options.size or 'own'}x{options.tokens}"
    stem = options.model / "openvino" / f"{options.part}-{shape}"
    file, example = stem.with_suffix(".xml"), stem.with_suffix(".pt")
    if not file.exists():
        module, inputs = torch_parts.module(options)
        with torch.inference_mode():
            model = openvino.convert_model(
                Forward(module, options.part).eval(), example_input=inputs, input=[tuple(x.shape) for x in inputs]
            )
        stem.parent.mkdir(exist_ok=True)
        openvino.save_model(model, file, compress_to_fp16=False)
        torch.save([x.numpy() for x in inputs], example)
        del model, module
    inputs = torch.load(example, weights_only=False)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": options.threads}
    compiled = openvino.Core().compile_model(str(file), "CPU", settings)
    return lambda: compiled(inputs)
