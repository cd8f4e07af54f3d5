"""Feature statistics as pytorch-fid and clean-fid save them.

Run: python make.py   (writes stored.npz and packed.npz beside itself)
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
statistics = {"mu": np.arange(4) / 2, "sigma": np.full((4, 4), 0.25) + 1.75 * np.eye(4)}
np.savez(HERE / "stored.npz", **statistics)
np.savez_compressed(HERE / "packed.npz", **statistics)
