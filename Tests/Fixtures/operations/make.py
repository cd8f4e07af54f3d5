"""Golden outputs and gradients of every differentiable operation by PyTorch in Float64, stored as Float32.

Run: python make.py   (writes operations.safetensors and cases.json beside itself)

Feature maps are channels-last and convolution kernels in PyTorch's layout, as in the library.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = Path(__file__).parent
torch.manual_seed(0)
cases, tensors = [], {}


def last(x):
    return x.permute(0, 2, 3, 1)


def first(x):
    return x.permute(0, 3, 1, 2)


def case(operation, function, *inputs, label="", **attributes):
    """Runs `function` on inputs rounded to Float32 and records inputs, outputs and gradients."""
    name = f"{operation}{'-' + label if label else ''}"
    assert name not in [c["name"] for c in cases], name
    leaves = [x.float().double().requires_grad_() for x in inputs]
    output = function(*leaves)
    weight = torch.randn(output.shape, dtype=torch.float64).float().double()
    output.backward(weight)
    for i, leaf in enumerate(leaves):
        tensors[f"{name}.in{i}"] = leaf.detach().float().contiguous()
        tensors[f"{name}.grad{i}"] = leaf.grad.float().contiguous()
    tensors[f"{name}.out"] = output.detach().float().contiguous()
    tensors[f"{name}.weight"] = weight.float().contiguous()
    cases.append({"name": name, "operation": operation, "inputs": len(leaves), **attributes})


def normal(*shape):
    return torch.randn(*shape)


def positive(*shape):
    return torch.rand(*shape) + 0.5


def away(x, *kinks, distance=0.15):
    """Moves numbers away from points without a derivative, so that finite differences do not cross them."""
    for kink in kinks:
        x = torch.where((x - kink).abs() < distance, kink + distance * torch.where(x < kink, -1.0, 1.0), x)
    return x


binary = {"add": torch.add, "subtract": torch.sub, "multiply": torch.mul}
for name, function in binary.items():
    case(name, function, normal(3, 5), normal(3, 5))
    case(name, function, normal(2, 3, 5), normal(5), label="row")
    case(name, function, normal(2, 1, 5), normal(3, 1), label="both")
    case(name, function, normal(4, 7), normal(1), label="scalar")
case("divide", torch.div, normal(3, 5), positive(3, 5))
case("divide", torch.div, normal(2, 3, 5), positive(2, 1, 1), label="column")
case("divide", torch.div, normal(5), positive(4, 5), label="grown")

unary = {
    "exp": (torch.exp, normal), "log": (torch.log, positive), "squareRoot": (torch.sqrt, positive),
    "squared": (torch.square, normal), "reciprocal": (torch.reciprocal, positive), "absolute": (torch.abs, lambda *shape: away(normal(*shape), 0.0)),
    "sine": (torch.sin, normal), "cosine": (torch.cos, normal), "tanh": (torch.tanh, normal),
    "sigmoid": (torch.sigmoid, normal), "silu": (F.silu, normal), "gelu": (F.gelu, normal),
    "quickGELU": (lambda x: x * torch.sigmoid(1.702 * x), normal), "negate": (torch.neg, normal),
}
for name, (function, numbers) in unary.items():
    case(name, function, numbers(3, 37))
    if numbers is normal and name != "exp":
        case(name, function, 4 * normal(67), label="wide")
case("clamped", lambda x: x.clamp(-0.7, 0.9), away(normal(41), -0.7, 0.9), lower=-0.7, upper=0.9)
case("geglu", lambda x: x.chunk(2, -1)[0] * F.gelu(x.chunk(2, -1)[1]), normal(2, 5, 26))

for ta in (False, True):
    for tb in (False, True):
        a, b = normal(2, 3, 5, 7), normal(2, 3, 7, 9)
        case(
            "matmul",
            lambda x, y, ta=ta, tb=tb: (x.mT if ta else x) @ (y.mT if tb else y),
            a.mT.contiguous() if ta else a, b.mT.contiguous() if tb else b,
            label=f"{'t' if ta else 'n'}{'t' if tb else 'n'}", transposingSelf=ta, transposingOther=tb,
        )
case("matmul", torch.matmul, normal(33, 65), normal(65, 31), label="plain", transposingSelf=False, transposingOther=False)
case("linear", F.linear, normal(2, 5, 19), normal(23, 19), normal(23))
case("linear", F.linear, normal(7, 33), normal(17, 33), label="unbiased")

for label, size, inputs, outputs, kernel, stride, padding, bias in [
    ("3x3", (8, 8), 6, 10, 3, 1, (1, 1, 1, 1), True),
    ("odd", (7, 5), 3, 5, 3, 1, (1, 1, 1, 1), True),
    ("strided", (9, 8), 5, 7, 3, 2, (1, 1, 1, 1), True),
    ("asymmetric", (8, 9), 4, 6, 3, 2, (0, 0, 1, 1), True),
    ("uneven", (6, 7), 4, 3, 3, 1, (2, 0, 1, 3), True),
    ("valid", (7, 6), 4, 8, 3, 1, (0, 0, 0, 0), False),
    ("pointwise", (5, 7), 9, 4, 1, 1, (0, 0, 0, 0), True),
    ("pointwise-strided", (6, 7), 5, 4, 1, 2, (0, 0, 0, 0), True),
    ("5x5", (9, 7), 3, 4, 5, 1, (2, 2, 2, 2), True),
    ("4x4-strided", (10, 9), 3, 5, 4, 2, (1, 1, 1, 1), False),
    ("one-pixel", (1, 1), 4, 4, 3, 1, (1, 1, 1, 1), True),
]:
    top, left, bottom, right = padding

    def convolve(x, w, b=None, stride=stride, padding=padding):
        top, left, bottom, right = padding
        padded = F.pad(first(x), (left, right, top, bottom))
        return last(F.conv2d(padded, w, b, stride=stride))

    arguments = [normal(2, *size, inputs), normal(outputs, inputs, kernel, kernel)]
    case(
        "conv2d", convolve, *arguments, *([normal(outputs)] if bias else []), label=label, stride=stride,
        padding=list(padding),
    )


def group_norm(x, scale, offset, groups, epsilon):
    moved = x.movedim(-1, 1)
    return F.group_norm(moved, groups, scale, offset, epsilon).movedim(1, -1)


for label, shape, groups, epsilon in [
    ("map", (2, 5, 3, 12), 4, 1e-5), ("one-group", (1, 4, 4, 8), 1, 1e-6), ("per-channel", (2, 7, 6), 6, 1e-5),
]:
    channels = shape[-1]
    case(
        "groupNorm", lambda x, s, o, g=groups, e=epsilon: group_norm(x, s, o, g, e),
        2 * normal(*shape) + 0.7, positive(channels), normal(channels), label=label, groups=groups, epsilon=epsilon,
    )
case(
    "layerNorm", lambda x, s, o: F.layer_norm(x, x.shape[-1:], s, o, 1e-5),
    3 * normal(2, 5, 29) - 0.4, positive(29), normal(29), epsilon=1e-5,
)
case("softmax", lambda x: x.softmax(-1), 3 * normal(4, 5, 21))


def attend(q, k, v, heads, causal):
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)
    y = F.scaled_dot_product_attention(split(q), split(k), split(v), is_causal=causal)
    return y.transpose(1, 2).flatten(2)


for label, batch, queries, keys, width, heads, causal in [
    ("self", 2, 17, 17, 24, 3, False), ("cross", 2, 9, 20, 20, 2, False), ("causal", 1, 13, 13, 16, 4, True),
    ("one-head", 1, 30, 11, 12, 1, False), ("long", 1, 70, 131, 8, 1, False),
]:
    case(
        "attention", lambda q, k, v, h=heads, c=causal: attend(q, k, v, h, c),
        normal(batch, queries, width), normal(batch, keys, width), normal(batch, keys, width),
        label=label, heads=heads, causal=causal,
    )
for factor in (2, 3):
    case(
        "upsampledNearest", lambda x, f=factor: last(F.interpolate(first(x), scale_factor=f, mode="nearest")),
        normal(2, 3, 5, 4), label=f"{factor}", factor=factor,
    )
    case(
        "averagePooled", lambda x, f=factor: last(F.avg_pool2d(first(x), f)), normal(2, 2 * factor, 3 * factor, 5),
        label=f"{factor}", factor=factor,
    )

case("reshaped", lambda x: x.reshape(6, 10), normal(3, 4, 5), shape=[6, 10])
case("transposed", lambda x: x.permute(2, 0, 3, 1), normal(2, 3, 4, 5), axes=[2, 0, 3, 1])
case("sliced", lambda x: x[:, 1:4], normal(3, 6, 5), axis=1, lower=1, upper=4)
case("concatenate", lambda x, y: torch.cat([x, y], 1), normal(2, 3, 4), normal(2, 5, 4), axis=1)
case("concatenate", lambda x, y, z: torch.cat([x, y, z], -1), normal(3, 4), normal(3, 1), normal(3, 6), label="last", axis=1)
case("gathered", lambda x: x[[3, 0, 3, 1, 3]], normal(5, 7), rows=[3, 0, 3, 1, 3])
case("broadcast", lambda x: x.expand(4, 3, 5), normal(3, 1), shape=[4, 3, 5])
case("sum", torch.sum, normal(3, 7))
case("mean", torch.mean, normal(3, 7))
case("sumAlong", lambda x: x.sum((0, 2)), normal(3, 4, 5), axes=[0, 2])
case("meanAlong", lambda x: x.mean(-1), normal(3, 4, 5), axes=[2])
case("meanSquaredError", lambda x, y: F.mse_loss(x, y), normal(4, 6), normal(4, 6))

# Wide enough for Winograd's convolution, with the operations that can be fused into a convolution.
for label, size, channels, factor, bias, adding in [
    ("plain", (9, 7), (18, 20), 1, True, False), ("upsampled", (5, 6), (16, 33), 2, True, False),
    ("added", (8, 8), (17, 16), 1, True, True), ("added-unbiased", (4, 13), (40, 18), 1, False, True),
]:
    inputs, outputs = channels
    height, width = size[0] * factor, size[1] * factor

    def convolve(x, w, *rest, factor=factor, bias=bias, adding=adding):
        wide = F.interpolate(first(x), scale_factor=factor, mode="nearest")
        y = last(F.conv2d(wide, w, rest[0] if bias else None, padding=1))
        return y + rest[-1] if adding else y

    arguments = [normal(2, *size, inputs), normal(outputs, inputs, 3, 3)]
    arguments += [normal(outputs)] * bias + [normal(2, height, width, outputs)] * adding
    case("wideConv2d", convolve, *arguments, label=label, upsampling=factor, adding=adding)
for label, channels, factor, adding in [("upsampled", (3, 5), 2, False), ("added", (6, 4), 1, True)]:
    inputs, outputs = channels

    def convolve(x, w, b, *rest, factor=factor):
        wide = F.interpolate(first(x), scale_factor=factor, mode="nearest")
        return last(F.conv2d(wide, w, b, padding=1)) + (rest[0] if rest else 0)

    arguments = [normal(2, 3, 4, inputs), normal(outputs, inputs, 3, 3), normal(outputs)]
    arguments += [normal(2, 3, 4, outputs)] * adding
    case(
        "conv2d", convolve, *arguments, label=label, stride=1, padding=[1, 1, 1, 1], upsampling=factor, adding=adding,
    )
case("linear", lambda x, w, b, a: F.linear(x, w, b) + a, normal(6, 18), normal(9, 18), normal(9), normal(6, 9), label="added", adding=True)
case("linear", lambda x, w, a: F.linear(x, w) + a, normal(5, 7), normal(8, 7), normal(5, 8), label="added-unbiased", adding=True)

case("relu", F.relu, away(normal(5, 9), 0.0))
case(
    "groupNorm", lambda x, s, o: F.silu(group_norm(x, s, o, 4, 1e-5)), normal(2, 5, 3, 12), normal(12), normal(12),
    label="silu", groups=4, epsilon=1e-5, activation="silu",
)
case(
    "wideConv2d", lambda x, w, b: last(F.conv2d(first(x), w, padding=1)) + b[:, None, None], normal(3, 6, 5, 16),
    normal(17, 16, 3, 3), normal(3, 17), label="bias-per-image", upsampling=1, adding=False,
)
case(
    "conv2d", lambda x, w, b: last(F.conv2d(first(x), w)) + b[:, None, None], normal(2, 4, 5, 6), normal(7, 6, 1, 1),
    normal(2, 7), label="pointwise-bias-per-image", stride=1, padding=[0, 0, 0, 0],
)

case(
    "wideConv2d", lambda x, w: last(F.conv2d(first(x), w, padding=1)), normal(3, 13, 14, 17), normal(18, 17, 3, 3),
    label="many-tiles", upsampling=1, adding=False,
)

# What networks and losses of one's own need.
def apart(x, y):
    """x, moved away from y where they are close."""
    return y + away(x - y, 0.0), y


case("maximum", torch.maximum, *apart(normal(3, 4, 5), normal(4, 1)))
case("minimum", torch.minimum, *apart(normal(3, 4, 5), normal(5)))
case("maximum", torch.maximum, *(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 5.0, 3.0])), label="ties")
case("raised", torch.pow, positive(3, 4, 5), normal(4, 1))
case("raisedTo", lambda x: x.pow(1.7), positive(6, 7), upper=1.7)
case("raisedTo", lambda x: x.pow(3), normal(6, 7), label="integer", upper=3)
mask = (torch.arange(20).reshape(4, 5) % 3 == 0)
case("replacing", lambda x, y: torch.where(mask, y, x), normal(2, 4, 5), normal(5), rows=mask.flatten().int().tolist())
case("stack", lambda x, y, z: torch.stack([x, y, z], 1), normal(2, 3), normal(2, 3), normal(2, 3), axis=1)
case("padded", lambda x: F.pad(x, (0, 0, 2, 1), value=0.5), normal(2, 3, 4), axis=1, lower=2, upper=1)
case("logSoftmax", lambda x: x.log_softmax(-1), 4 * normal(3, 5, 21))
labels = [3, 0, 6, 2, 2, 5]
case("crossEntropy", lambda x: F.cross_entropy(x.flatten(0, 1), torch.tensor(labels)), 2 * normal(2, 3, 7), rows=labels)
case("meanAbsoluteError", F.l1_loss, away(normal(4, 6), 0.0), torch.zeros(4, 6))
case("huberError", lambda x, y: F.huber_loss(x, y, delta=0.8), away(2 * normal(4, 6), -0.8, 0.0, 0.8), torch.zeros(4, 6), upper=0.8)
probabilities = torch.rand(5, 6).float()
case(
    "binaryCrossEntropy", lambda x: F.binary_cross_entropy_with_logits(x, probabilities.double()), 3 * normal(5, 6),
    label="", values=[float(p) for p in probabilities.flatten()],
)
case("leakyReLU", lambda x: F.leaky_relu(x, 0.2), away(normal(5, 9), 0.0), upper=0.2)
case("elu", lambda x: F.elu(x, 0.7), away(normal(5, 9), 0.0), upper=0.7)
case("mish", F.mish, 3 * normal(5, 9))
case("rmsNorm", lambda x, s: F.rms_norm(x, x.shape[-1:], s, 1e-6), normal(2, 3, 17), positive(17), epsilon=1e-6)
case("conv1d", lambda x, w, b: F.conv1d(x.mT, w, b, stride=2, padding=1).mT, normal(2, 11, 4), normal(6, 4, 3), normal(6), stride=2, padding=[1])
for groups in (2, 4):
    case(
        "groupedConv2d", lambda x, w, b, g=groups: last(F.conv2d(first(x), w, b, padding=1, groups=g)), normal(2, 5, 6, 8),
        normal(12, 8 // groups, 3, 3), normal(12), label=f"{groups}", groups=groups, padding=[1],
    )
for label, stride, padding, added, size in [("plain", 1, 0, 0, 3), ("doubled", 2, 1, 1, 3), ("tripled", 3, 1, 0, 4)]:
    case(
        "transposedConv2d",
        lambda x, w, b, s=stride, p=padding, a=added: last(F.conv_transpose2d(first(x), w, b, stride=s, padding=p, output_padding=a)),
        normal(2, 4, 5, 3), normal(3, 4, size, size), normal(4), label=label, stride=stride, padding=[padding], factor=added,
    )


def spaced(*shape):
    """Numbers in random order, no two of them close."""
    count = torch.Size(shape).numel()
    return (torch.randperm(count) - count / 2).reshape(shape) * 0.1


case("maxPooled", lambda x: last(F.max_pool2d(first(x), 3, 2, 1)), spaced(2, 7, 6, 2), factor=3, stride=2, padding=[1])
case("maxPooled", lambda x: last(F.max_pool2d(first(x), 2)), spaced(2, 6, 4, 3), label="even", factor=2, stride=2, padding=[0])
for height, width in [(9, 4), (3, 11)]:
    case(
        "resampledBilinear", lambda x, s=(height, width): last(F.interpolate(first(x), s, mode="bilinear", align_corners=False)),
        normal(2, 5, 6, 3), label=f"{height}x{width}", shape=[height, width],
    )
case("batchNorm", lambda x, s, o: last(F.batch_norm(first(x), None, None, s, o, training=True)), 2 * normal(3, 4, 5, 6) + 1, positive(6), normal(6))

save_file(tensors, HERE / "operations.safetensors", metadata={"torch": torch.__version__})
(HERE / "cases.json").write_text(json.dumps(cases, indent=0) + "\n")
