"""Whether as many of the kept pairs are connected as `auto` says: expected beside found precision, on fresh networks.

python benchmarks/inference_calibration.py [SEED ...]
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from inference_data import a

from conntap import infer
from conntap.circuits.connectome import Connectome
from conntap.infer.pairs import matrix_of


def found(estimate: Connectome, truth: Connectome, expected: float) -> tuple[int, float]:
    """How many pairs are kept where this precision is expected, and which share of them is connected."""
    off = ~np.eye(estimate.n_nodes, dtype=bool)
    probability = matrix_of(estimate, "probability", "here")[off]
    connected = (matrix_of(truth, "weight", "here") != 0)[off]
    order = np.argsort(-probability)
    many = np.arange(1, len(order) + 1)
    kept = int((np.cumsum(probability[order]) / many >= expected).sum())
    return kept, float(connected[order][:kept].mean()) if kept else np.nan


def main() -> None:
    """A row for each recording: kept pairs and the share of them that is connected."""
    seeds = [int(each) for each in sys.argv[1:]] or [204, 205]
    levels = (0.95, 0.9, 0.8, 0.6)
    print("| recording | connected | " + " | ".join(f"{level:.0%} expected" for level in levels) + " |")
    print("|---" * (len(levels) + 2) + "|")
    for seed in seeds:
        for minutes in (4, 20):
            data = a(seed, duration_s=60.0 * minutes, recordings=("A2",))
            for name, activity in (("spikes", data.spikes), ("50 Hz fluorescence", data.traces["A2"])):
                estimate = infer.auto(activity)
                cells = [f"{many:,}: {share:.1%}" for many, share in (found(estimate, data.truth, x) for x in levels)]
                print(
                    f"| {minutes} min of {name}, seed {seed} | {data.truth.n_edges:,} | {' | '.join(cells)} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
