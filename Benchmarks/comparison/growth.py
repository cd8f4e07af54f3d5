"""Measures how SwiftBrush's time grows with the image size, the batch and the threads: a table of each and one plot.

In Float32 and, on a processor with matrix tiles, at the precision `high` beside it.

Run through Benchmarks/compare growth [size] [batch] [threads]
"""

import argparse
import json
import math
import sys
from pathlib import Path
from statistics import median

from models import ROOT, model
from runner import in_turn
from table import PRECISIONS, precisions, processor

RESULTS = ROOT / "Benchmarks/.cache/results"
# Kind: the option that varies, its values, and title: part, model, other options of each curve.
KINDS = {
    "size": ("size", [32, 48, 64, 96, 128], {"UNet": ("unet", "sd2", {}), "VAE decoder": ("decode", "sd2", {})}),
    "batch": (
        "batch", [1, 2, 4, 8, 16],
        {
            "emoji UNet, 16²": ("unet", "emoji", {"tokens": 20}),
            "12.9 M UNet, 32²": ("unet", "small", {"tokens": 32}),
            "emoji iteration": ("iteration", "emoji", {"tokens": 20}),
        },
    ),
    "threads": (
        "threads", [1, 2],
        {
            "text encoder": ("text", "sd2", {}), "UNet, 512²": ("unet", "sd2", {}), "VAE decoder, 512²": ("decode", "sd2", {}),
            "emoji iteration": ("iteration", "emoji", {"tokens": 20, "batch": 16}),
            "12.9 M iteration": ("iteration", "small", {"tokens": 32, "batch": 4}),
        },
    ),
}
# The relative work of a value if the cost is linear.
WORK = {"size": lambda side: side**2, "batch": lambda batch: batch, "threads": lambda threads: 1 / threads}
LABELS = {"size": "image side in pixels", "batch": "batch", "threads": "threads"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[[], "none", *KINDS], metavar="KIND", help="size, batch, threads, or none to show the last results; default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", type=Path, metavar="DIR", help="folder of the full-size model, created if it is missing")
    parser.add_argument("--plot", type=Path, default=RESULTS / "growth.png")
    parser.add_argument("--curve", help="only the curves whose title contains this; the others keep their last results")
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for kind in [kind for kind in options.kinds or KINDS if kind in KINDS]:
        file = RESULTS / f"growth-{kind}.json"
        results = json.loads(file.read_text()) if options.curve and file.exists() else {}
        option, values, curves = KINDS[kind]
        for title, (part, name, settings) in curves.items():
            if options.curve and options.curve not in title:
                continue
            folder = model(name, options.models)
            for precision in precisions():
                print(f"measuring {title} against {kind} at {precision}", file=sys.stderr)
                settings = {"model": folder, **settings, "precision": precision}
                runs = in_turn({value: ("ours", part, {**settings, option: value}) for value in values}, options.rounds)
                results[title + PRECISIONS[precision]] = [
                    [value, [run["seconds"] for run in runs[value]]] for value in values
                ]
        file.write_text(json.dumps(results, indent=1) + "\n")
    print(f"{processor()}\n")
    found = {kind: RESULTS / f"growth-{kind}.json" for kind in KINDS if (RESULTS / f"growth-{kind}.json").exists()}
    records = {kind: json.loads(file.read_text()) for kind, file in found.items()}
    for kind, results in records.items():
        show(kind, results)
    plot(records, options.plot)
    print(options.plot, file=sys.stderr)


def name_of(kind, value):
    return f"{8 * value}²" if kind == "size" else f"{value}"


def show(kind, results):
    """Prints median seconds and, in brackets, the power of the work with which they grew since the previous value.

    The power is the median over rounds, because the machine's speed changes from round to round.
    """
    values = [value for value, _ in next(iter(results.values()))]
    print(f"| {LABELS[kind]} | " + " | ".join(name_of(kind, value) for value in values) + " |")
    print("| --- |" + " --- |" * len(values))
    for title, points in results.items():
        texts, before = [], None
        for value, seconds in points:
            text = f"{median(seconds):.3f}"
            if before:
                ratio = median(now / then for now, then in zip(seconds, before[1]))
                power = math.log(ratio) / math.log(WORK[kind](value) / WORK[kind](before[0]))
                text += f" ({power:.2f})"
            texts.append(text)
            before = value, seconds
        print(f"| {title} | " + " | ".join(texts) + " |")
    print()


def plot(records, file):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as pyplot

    figure, panels = pyplot.subplots(1, len(records), figsize=(4.2 * len(records), 3.6), squeeze=False)
    for panel, (kind, results) in zip(panels[0], records.items()):
        for title, points in results.items():
            places = [8 * value if kind == "size" else value for value, _ in points]
            style = "s--" if title.endswith(PRECISIONS["high"]) else "o-"
            (line,) = panel.loglog(places, [median(seconds) for _, seconds in points], style, label=title)
            linear = [median(points[0][1]) * WORK[kind](value) / WORK[kind](points[0][0]) for value, _ in points]
            panel.loglog(places, linear, ":", color=line.get_color(), linewidth=1)
        panel.set_xlabel(LABELS[kind])
        panel.set_ylabel("seconds")
        panel.set_xticks(places, [f"{place}" for place in places])
        panel.minorticks_off()
        panel.legend(fontsize=7)
    figure.suptitle("Time (solid in Float32, dashed at high) and linear growth from the first point (dotted)", fontsize=9)
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)


main()
