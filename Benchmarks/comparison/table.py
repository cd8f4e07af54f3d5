"""The table of results in Markdown: seconds, ratios and peak memory of each part."""

import json
import platform
from pathlib import Path
from statistics import median

TITLES = {
    "text": "text encoder, 77 tokens",
    "unet": "UNet, 512²",
    "decode": "VAE decoder, 512²",
    "sum": "**one step: the sum of the three**",
    "taesd": "TAESD decoder, 512²",
    "small-iteration": "SwiftBrush iteration, 12.9 M parameters, batch 4",
    "emoji-iteration": "SwiftBrush iteration, emoji model, batch 16",
    "training": "UNet forward + backward, 512²",
}
STEP = ["text", "unet", "decode"]
# What is written after a title for each precision.
PRECISIONS = {"highest": "", "high": ", high"}


def show(files):
    """Prints the table of the result files, all in Float32; parts without one are left out."""
    records = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    rows = {name: record["runs"] for name, record in records.items()}
    if all(name in rows for name in STEP):
        rows["sum"] = total([rows[name] for name in STEP])
    print(f"{processor()}\n")
    print("| | SwiftBrush s | PyTorch s | OpenVINO s | PyTorch ÷ ours | OpenVINO ÷ ours | peak GiB: ours, PyTorch, OpenVINO |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in (name for name in TITLES if name in rows):
        print("| " + " | ".join([TITLES[name], *cells(rows[name])]) + " |")
    for name, record in records.items():
        rounds = min(len(runs) for runs in record["runs"].values())
        print(f"\n{name}: {record['date']}, {record['threads']} threads, {rounds} rounds", end="")
    print("\n\nSeconds and ratios: median (minimum … maximum); a ratio is of two runs of the same round.")


def show_fast(files):
    """Prints the table of each framework as it comes: seconds, errors and memory; parts without a result are left out."""
    records = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    rows = {name: record["runs"] for name, record in records.items()}
    if all(name in rows for name in STEP):
        rows["sum"] = total([rows[name] for name in STEP])
    titles = {"ours": "ours, high", "ours-medium": "ours, medium", "torch": "PyTorch bfloat16", "openvino": "OpenVINO"}
    print(f"{processor()}\n\n| | {' | '.join(titles.values())} | error, rms and max | peak GiB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in (name for name in TITLES if name in rows):
        runs = rows[name]
        times = [spread([run["seconds"] for run in runs[f]], 3) for f in titles]
        errors = [f"{runs[f][0]['rms']:.1e} {runs[f][0]['max']:.1e}" for f in titles if "rms" in runs[f][0]]
        peaks = [f"{max(run['peak_bytes'] for run in runs[f]) / 2**30:.2f}" for f in titles]
        print("| " + " | ".join([TITLES[name], *times, ", ".join(errors) or "–", ", ".join(peaks)]) + " |")
    for name, record in records.items():
        rounds = min(len(runs) for runs in record["runs"].values())
        print(f"\n{name}: {record['date']}, {record['threads']} threads, {rounds} rounds", end="")
    print("\n\nErrors are over the standard deviation of PyTorch's Float32 output; errors and memory in the order of the columns.")


def processor():
    """The processor's name and its instructions for low precision."""
    fields = processor_fields()
    low = [flag for flag in fields.get("flags", "").split() if flag.startswith("amx") or flag == "avx512_bf16"]
    return f"{fields.get('model name', platform.processor())}, model {fields.get('model', '?')}: {' '.join(low) or 'Float32 only'}"


def processor_fields():
    """What Linux says about the first processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    fields = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    return {name.strip(): value.strip() for name, value in fields.items()}


def precisions():
    """Those at which our products differ: Float32 and, with matrix tiles, `high`; with AVX512-BF16 on AMD's, `medium`."""
    fields = processor_fields()
    flags = fields.get("flags", "").split()
    if "amx_bf16" in flags:
        return ["highest", "high"]
    return ["highest"] + (["medium"] if "avx512_bf16" in flags and fields.get("vendor_id") == "AuthenticAMD" else [])


def total(parts):
    """The runs of a whole step: seconds summed round by round, and the largest peak."""
    frameworks = set.intersection(*(set(part) for part in parts))
    return {
        framework: [
            {"seconds": sum(run["seconds"] for run in runs), "peak_bytes": max(run["peak_bytes"] for run in runs)}
            for runs in zip(*(part[framework] for part in parts))
        ]
        for framework in frameworks
    }


def cells(runs):
    seconds = {framework: [run["seconds"] for run in some] for framework, some in runs.items()}
    peaks = {framework: max(run["peak_bytes"] for run in some) / 2**30 for framework, some in runs.items()}
    frameworks = ["ours", "torch", "openvino"]
    times = [spread(seconds[f], 3) if f in seconds else "–" for f in frameworks]
    ratios = [
        spread([b / a for a, b in zip(seconds["ours"], seconds[f])], 2) if f in seconds else "–" for f in frameworks[1:]
    ]
    return [*times, *ratios, ", ".join(f"{peaks[f]:.2f}" if f in peaks else "–" for f in frameworks)]


def spread(numbers, decimals):
    low, middle, high = min(numbers), median(numbers), max(numbers)
    return f"{middle:.{decimals}f} ({low:.{decimals}f} … {high:.{decimals}f})"
