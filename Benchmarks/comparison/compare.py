"""Measures parts of the models with SwiftBrush and its peers in alternation, and prints the table of all results so far.

Run through Benchmarks/compare.
"""

import argparse
import datetime
import json
import sys
from pathlib import Path

import table
from models import ROOT, model
from runner import in_turn, one_by_one

RESULTS = ROOT / "Benchmarks/.cache/results"
BOTH, TORCH = ["ours", "torch", "openvino"], ["ours", "torch"]
# Name: part, model, frameworks, options. The full-size training fits into memory once.
PARTS = {
    "text": ("text", "sd2", BOTH, {}),
    "unet": ("unet", "sd2", BOTH, {}),
    "decode": ("decode", "sd2", BOTH, {}),
    "taesd": ("decode", "taesd", TORCH, {}),
    "small-iteration": ("iteration", "small", TORCH, {"batch": 4, "tokens": 32}),
    "emoji-iteration": ("iteration", "emoji", TORCH, {"batch": 16, "tokens": 20}),
    "training": ("training", "sd2", TORCH, {}),
}
# The second table: each as it comes, with the error against PyTorch's Float32 by the full-size fixture.
FAST = {
    "ours": ("ours", {"precision": "high"}),
    "ours-medium": ("ours", {"precision": "medium"}),
    "torch": ("torch", {"precision": "fast"}),
    "openvino": ("openvino", {"precision": "fast"}),
}
FAST_PARTS = ["text", "unet", "decode"]
# Options for SwiftBrush only: weights stay packed, as OpenVINO packs them when it compiles a model.
OUR_OPTIONS = {"text": {"packed-weights": 4}, "unet": {"packed-weights": 4}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; default: all")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each process (default: 3)")
    parser.add_argument("--starts", type=int, default=3, help="processes of each framework, one after another (default: 3)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fast", action="store_true", help="each framework as it comes, or in bfloat16: text, unet, decode")
    parser.add_argument("--models", type=Path, metavar="DIR", help="folder of the full-size model, created if it is missing")
    options = parser.parse_args()
    known = FAST_PARTS if options.fast else list(PARTS)
    unknown = set(options.parts) - set(known)
    if unknown:
        parser.error(f"expected parts among {', '.join(known)}, found {', '.join(sorted(unknown))}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in options.parts or (FAST_PARTS if options.fast else PARTS):
        part, kind, frameworks, settings = PARTS[name]
        print(f"measuring {name}", file=sys.stderr)
        settings = {"model": model(kind, options.models), "threads": options.threads, **settings}
        ours = settings | OUR_OPTIONS.get(name, {})
        # In the first table all are in Float32.
        tasks = {framework: (framework, part, settings) for framework in frameworks}
        tasks["ours"] = ("ours", part, ours | {"precision": "highest"})
        if options.fast:
            golden = {"golden": settings["model"] / "golden.safetensors"}
            tasks = {
                name: (framework, part, (ours if framework == "ours" else settings) | golden | more)
                for name, (framework, more) in FAST.items()
            }
            frameworks = list(tasks)
        runs = {framework: [] for framework in frameworks}
        # The placement of a process's memory changes its speed by some percent.
        for _ in range(options.starts):
            some = (one_by_one if part == "training" else in_turn)(tasks, options.rounds)
            for framework in frameworks:
                runs[framework] += some[framework]
        record = {"date": f"{datetime.date.today()}", "threads": options.threads, "runs": runs}
        (RESULTS / file(name, options.fast)).write_text(json.dumps(record, indent=1) + "\n")
    if options.fast:
        table.show_fast({name: RESULTS / file(name, True) for name in FAST_PARTS})
    else:
        table.show({name: RESULTS / file(name, False) for name in PARTS})


def file(name, fast):
    return f"{name}-fast.json" if fast else f"{name}.json"


main()
