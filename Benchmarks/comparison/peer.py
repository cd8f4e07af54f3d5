"""Times one part of a model with PyTorch or OpenVINO: the peers' side of Benchmarks/compare.

Run: python peer.py FRAMEWORK PART --model DIR …   (one run per line on standard input, each followed by a JSON line)

Parts and options are those of `measure run`; inputs are random in the same shapes.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("framework", choices=["torch", "openvino"])
    parser.add_argument("part", choices=["text", "unet", "decode", "training", "iteration"])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, help="height and width of the latents; default: the model's")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=77)
    parser.add_argument(
        "--precision", choices=["float32", "fast"], default="float32",
        help="fast: OpenVINO as it comes, PyTorch under bfloat16 autocast with channels_last",
    )
    parser.add_argument("--golden", type=Path, help="inputs and outputs of the part, to compute errors with")
    return parser.parse_args()


def load(options):
    """A function that runs the part once."""
    if options.framework == "openvino":
        import openvino_parts

        return openvino_parts.load(options)
    if options.part == "iteration":
        import iteration

        return iteration.load(options)
    import torch_parts

    return torch_parts.load(options)


def main():
    options = parse()
    work = load(options)
    while True:
        start = time.perf_counter()
        output = work()
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        errors = {}
        if options.golden:
            import golden

            errors = golden.errors(output, options)
        print(json.dumps({"seconds": seconds, "peak_bytes": peak, **errors}), flush=True)
        if not sys.stdin.readline():
            return


if __name__ == "__main__":
    main()
