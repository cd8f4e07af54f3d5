"""Processes that each hold one part of a model and run it on request."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

FRAMEWORKS = {"ours": "SwiftBrush", "torch": "PyTorch", "openvino": "OpenVINO"}
PEER = Path(__file__).with_name("peer.py")


class Runner:
    """A process of a framework with one part loaded and run once as a warm-up."""

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


def in_turn(tasks, rounds):
    """`rounds` runs of each task in alternation, with all tasks in memory from the start.

    Tasks and results are dictionaries by name; a task is a framework, a part and its options.
    """
    with ExitStack() as stack:
        runners = {name: stack.enter_context(closing(Runner(*task))) for name, task in tasks.items()}
        runs = [{name: runner.run() for name, runner in runners.items()} for _ in range(rounds)]
    return {name: [row[name] for row in runs] for name in tasks}


def one_by_one(tasks, rounds):
    """As `in_turn`, for tasks of which only one at a time fits into memory: each run has a process of its own."""
    runs = [in_turn({name: task}, 1) for _ in range(rounds) for name, task in tasks.items()]
    return {name: [run[name][0] for run in runs if name in run] for name in tasks}
