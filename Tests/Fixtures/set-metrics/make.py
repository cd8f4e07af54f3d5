"""Precision and recall by the formula of kynkaat/improved-precision-and-recall-metric, density and coverage by that of
clovaai/generative-evaluation-prdc, the kernel distance by that of clean-fid, and pairwise distances, all in Float64; distances come from differences, not from expanded squares.

Run: python make.py   (writes metrics.safetensors beside itself)
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
rng = np.random.default_rng(0)


def distances(a, b):
    return np.stack([((b - row) ** 2).sum(1) for row in a])


def manifold_share(manifold, probes, k):
    # The nearest vector is the vector itself, so the k-th neighbour is at index k.
    radii = np.partition(distances(manifold, manifold), k, axis=1)[:, k]
    return (distances(probes, manifold) <= radii).any(axis=1).mean()


def density_and_coverage(generated, reference, k):
    radii = np.partition(distances(reference, reference), k, axis=1)[:, k]
    across = distances(reference, generated)
    density = (across < radii[:, None]).sum(axis=0).mean() / k
    return density, (across.min(axis=1) < radii).mean()


def kernel_distance(x, y):
    m, n = x.shape
    a = (x @ x.T / n + 1) ** 3 + (y @ y.T / n + 1) ** 3
    b = (x @ y.T / n + 1) ** 3
    return ((a.sum() - np.diag(a).sum()) / (m - 1) - b.sum() * 2 / m) / m


tensors = {}
cases = {"near": (300, 250, 8, 1.0, 0.2), "narrow": (200, 200, 6, 0.4, 0.0), "far": (120, 100, 5, 1.0, 4.0), "repeated": (90, 90, 4, 1.0, 0.0)}
for name, (n, m, width, scale, shift) in cases.items():
    generated = (rng.normal(size=(n, width)) * scale + shift + 30).astype(np.float32)
    reference = (rng.normal(size=(m, width)) + 30).astype(np.float32)
    if name == "repeated":
        generated[:45] = generated[0]
        generated[45:50] = reference[:5]
    x, y = generated.astype(np.float64), reference.astype(np.float64)
    pairwise = np.sqrt(distances(x, x)).sum() / (n * (n - 1))
    tensors |= {
        f"{name}.generated": generated,
        f"{name}.reference": reference,
        f"{name}.precision": np.array([manifold_share(y, x, k) for k in (3, 5)]),
        f"{name}.recall": np.array([manifold_share(x, y, k) for k in (3, 5)]),
        f"{name}.density": np.array([density_and_coverage(x, y, k)[0] for k in (3, 5)]),
        f"{name}.coverage": np.array([density_and_coverage(x, y, k)[1] for k in (3, 5)]),
        f"{name}.kernel": np.array([kernel_distance(x[: min(n, m)], y[: min(n, m)])]),
        f"{name}.pairwise": np.array([pairwise]),
    }
save_file(tensors, HERE / "metrics.safetensors", metadata={"numpy": np.__version__})
