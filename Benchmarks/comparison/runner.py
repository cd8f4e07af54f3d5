"""Processes that each hold one part of a model and run it when told to."""

import json
import os
import subprocess
import sys
from pathlib import Path

FRAMEWORKS = {"ours": "SwiftBrush", "torch": "PyTorch", "openvino": "OpenVINO"}
PEER = Path(__file__).with_name("peer.py")


class Runner:
    """A framework with one part loaded and run once, unmeasured."""

    def __init__(self, framework, part, options):
        head = [os.environ["MEASURE"], "run"] if framework == "ours" else [sys.executable, PEER, framework]
        arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.command = [str(word) for word in [*head, part, *arguments]]
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.read()

    def read(self):
        # Libraries print lines of their own.
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"ended with status {self.process.wait()}: {' '.join(self.command)}")

    def run(self):
        """Seconds and peak bytes of one run."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(framework, part, options, rounds):
    """Some runs of one framework by itself."""
    runner = Runner(framework, part, options)
    try:
        return [runner.run() for _ in range(rounds)]
    finally:
        runner.close()


def in_turn(frameworks, part, options, rounds, alone, own):
    """`rounds` runs of each framework, taking turns; where `alone`, only one of them is in memory at a time.

    `own` are options that only SwiftBrush is given.
    """
    options = {framework: options | (own if framework == "ours" else {}) for framework in frameworks}
    results = {framework: [] for framework in frameworks}
    if alone:
        for _ in range(rounds):
            for framework in frameworks:
                results[framework] += measure(framework, part, options[framework], 1)
        return results
    runners = {}
    try:
        for framework in frameworks:
            runners[framework] = Runner(framework, part, options[framework])
        for _ in range(rounds):
            for framework, runner in runners.items():
                results[framework].append(runner.run())
    finally:
        for runner in runners.values():
            runner.close()
    return results
