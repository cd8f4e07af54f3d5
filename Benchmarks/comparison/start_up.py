"""Times `text-to-image` with the emoji student from launch to file: as a whole, and stage by stage.

Run through Benchmarks/compare start-up
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from models import ROOT

RUNS = 11
STUDENT = ROOT / "Examples/Models/emoji-student"


def launch(command):
    """The seconds of a whole process, and its output."""
    start = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    command = [str(start) if word == "LAUNCHED" else str(word) for word in command]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return (time.clock_gettime_ns(time.CLOCK_MONOTONIC) - start) / 1e9, done.stdout


def main():
    build = ["swift", "build", "--package-path", ROOT, "-c", "release", "--product", "text-to-image"]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    folder = subprocess.run([*build, "--show-bin-path"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    with tempfile.TemporaryDirectory() as scratch:
        picture = Path(scratch) / "heart.png"
        whole = [Path(folder) / "text-to-image", "a red heart", "--output", picture]
        stages = [os.environ["MEASURE"], "start-up", "--model", STUDENT, "--output", picture, "--launched", "LAUNCHED"]
        launch(whole), launch(stages)
        wholes, accounts = [], []
        for _ in range(RUNS):
            wholes.append(launch(whole)[0])
            seconds, output = launch(stages)
            account = json.loads(output)
            accounts.append({**account, "process end": seconds - sum(account.values()), "sum": seconds})
    print("| stage | median ms |\n| --- | --- |")
    for stage in accounts[0]:
        print(f"| {stage} | {1e3 * median(account[stage] for account in accounts):.1f} |")
    print(f"| `text-to-image` as a whole | {1e3 * median(wholes):.1f} ({1e3 * min(wholes):.1f} … {1e3 * max(wholes):.1f}) |")


main()
