"""Small stores to report on, made of numbers drawn with a fixed seed."""

import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.store import StageData, encode

STUDY = """study: columns  # <script>alert(1)</script>
description: >
  How the simplicial structure of a column differs from that of random graphs.
seed: 7
"""
ATTRS = {"study": STUDY, "study_hash": "3f9a", "seed": 7, "host": "ada", "versions": {"numpy": "2.4"}}


def stage(name, rows, **about):
    """A stage of (case, value) pairs."""
    cases = pd.DataFrame([case for case, _ in rows])
    keys = [f"{name}-{row}" for row in range(len(rows))]
    return StageData(name, cases=cases, keys=keys, entries=(encode(value) for _, value in rows), **about)


def column(rng, n=40):
    nodes = pd.DataFrame(
        {"x": rng.normal(0, 50, n), "y": rng.uniform(0, 900, n), "ei": rng.choice(["EXC", "INH"], n)},
        index=pd.RangeIndex(100, 100 + n, name="id"),
    )
    return Connectome(nodes, rng.integers(0, n, 6 * n), rng.integers(0, n, 6 * n))


def drawn(subtargets, draws):
    """Cases of originals and the draws of one control."""
    for name in subtargets:
        yield {"subtarget": name, "control": "original", "draw": -1}
        yield from ({"subtarget": name, "control": "shuffled", "draw": draw} for draw in range(draws))


def stages(rng):
    names = ["R0;C0", "R0;C1", "R1;C0"]
    cases = list(drawn(names, 4))
    counts = [pd.Series(rng.poisson([40, 200, 90, 3]), name="count").rename_axis("dimension") for _ in cases]
    degrees = [pd.DataFrame(rng.poisson(6, (40, 2)), columns=["in", "out"]).rename_axis("id") for _ in cases]
    connectomes = [({"subtarget": name}, column(rng)) for name in names]
    return [
        stage("connectomes", connectomes, description="What <b>is</b> wired.", step="connectome"),
        stage("nodes", [(case, value.nodes) for case, value in connectomes]),
        stage("counts", list(zip(cases, counts)), step="simplex_counts", inputs={"of": "connectomes"}),
        stage("degrees", list(zip(cases, degrees)), options={"of": "all"}),
        stage("reciprocity", [(case, float(rng.random())) for case in cases]),
        stage("fits", [({"subtarget": name}, {"scale_um": 3.5, "offset": 1.0}) for name in names]),
    ]
