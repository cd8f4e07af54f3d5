"""Prints the time, the operations and the share of a matrix product's peak rate of each kind of layer, at each precision.

Run through Benchmarks/compare roofline [unet] [decode]
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from models import model
from table import precisions, processor

# The options of each network: as in the comparison, the UNet's weights stay packed.
NETWORKS = {"unet": ["--packed-weights", "4"], "decode": []}
TITLES = {"unet": "UNet, 512²", "decode": "VAE decoder, 512²"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", choices=[[], *NETWORKS], metavar="NETWORK", help="unet, decode; default: both")
    parser.add_argument("--passes", type=int, default=5, help="passes, of which each layer's median counts (default: 5)")
    parser.add_argument("--models", type=Path, metavar="DIR", help="folder of the full-size model, created if it is missing")
    options = parser.parse_args()
    print(f"{processor()}\n", flush=True)
    for network in options.networks or NETWORKS:
        for precision in precisions():
            print(f"measuring {network} at {precision}", file=sys.stderr)
            print(f"{TITLES[network]}, {precision}:\n", flush=True)
            command = [os.environ["MEASURE"], "layers", network, "--model", model("sd2", options.models)]
            command += ["--precision", precision, "--passes", options.passes, *NETWORKS[network]]
            subprocess.run([str(word) for word in command], check=True)
            print(flush=True)


main()
