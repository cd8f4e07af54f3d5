"""Fréchet distances of feature sets by the formula of pytorch-fid: numpy's covariance and scipy's matrix square root; and, where
the covariances are singular and scipy's root is inexact, by singular values: Tr (Σ₁ Σ₂)^½ is the nuclear norm of X₁ᶜ X₂ᶜᵀ over
√((n − 1)(m − 1)), X₁ᶜ and X₂ᶜ being the centred features.

Run: python make.py   (writes frechet.safetensors beside itself)
"""

from pathlib import Path

import numpy as np
import scipy
from safetensors.numpy import save_file
from scipy.linalg import sqrtm

HERE = Path(__file__).parent
rng = np.random.default_rng(0)
tensors = {}
for name, (n, m, width) in {"tall": (200, 150, 16), "narrow": (50, 60, 3), "flat": (12, 20, 24), "wide": (90, 70, 256)}.items():
    mix = rng.normal(size=(width, width))
    a = (rng.normal(size=(n, width)) @ mix).astype(np.float32)
    b = (rng.normal(size=(m, width)) * 1.3 + 0.4).astype(np.float32)
    x, y = a.astype(np.float64), b.astype(np.float64)
    difference = x.mean(0) - y.mean(0)
    cx, cy = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = sqrtm(cx @ cy)
    distance = difference @ difference + np.trace(cx) + np.trace(cy) - 2 * np.trace(np.real(root))
    singular = np.linalg.svd((x - x.mean(0)) @ (y - y.mean(0)).T, compute_uv=False).sum() / np.sqrt((n - 1) * (m - 1))
    exact = difference @ difference + np.trace(cx) + np.trace(cy) - 2 * singular
    # Tensors are read as Float32; the sum of two Float32 numbers keeps all digits.
    tensors[f"{name}.exact"] = np.array([np.float32(exact), exact - np.float32(exact)])
    tensors |= {f"{name}.a": a, f"{name}.b": b, f"{name}.distance": np.array([distance], dtype=np.float64)}
save_file(tensors, HERE / "frechet.safetensors", metadata={"numpy": np.__version__, "scipy": scipy.__version__})
