"""A study runs as jobs of a real SLURM, to the same bits as here."""

import json

import numpy as np
import pandas as pd
import pytest

from conntap import open_store
from conntap.study import load_study, run, setup
from conntap.study.entries import with_run
from conntap.study.slurm.submitting import submit

CHAINED = """
stages:
  made: {do: 'plugin_steps:chain', each: {n_nodes: [3, 5]}}
  mixed: {do: 'plugin_steps:shuffled', of: made, repeat: 2}
  drawn: {do: 'plugin_steps:draw', of: mixed}
  matrix: {do: 'plugin_steps:matrix', of: mixed}
"""


@pytest.fixture
def cluster(slurm, write):
    """Runs a study on SLURM in a folder of its own: gives study, folder and launch once all jobs have ended."""

    def runs(body, name="on slurm", only=None, stages=None, **options):
        study = with_run(load_study(write(body, circuits="")), **{"where": "slurm", **options})
        out = study.path.parent / name
        setup(study, out)
        launch = submit(study, out, only=only)
        slurm.wait()
        return study, out, launch

    return runs


def values(path, stage):
    with open_store(path) as opened:
        return opened[stage].cases, opened[stage].load()


def jobs_of(launch):
    return json.loads((launch.folder / "jobs.json").read_text())


def logs(launch):
    return {path.name: path.read_text() for path in launch.folder.rglob("*.log")}


def test_arrays_of_different_numbers_of_jobs_give_the_bits_of_a_local_run(cluster, write):
    local = run(with_run(load_study(write(CHAINED, circuits="")), workers=1), out=write("").parent / "local")
    for jobs, cpus in ((1, 2), (3, 1)):
        _, out, launch = cluster(CHAINED, f"slurm {jobs}", max_jobs=jobs, cpus=cpus)
        assert (out / "store.h5").exists(), logs(launch)
        for stage in ("made", "mixed", "drawn", "matrix"):
            (cases, ours), (same_cases, same) = values(out / "store.h5", stage), values(local.store, stage)
            pd.testing.assert_frame_equal(cases, same_cases, check_exact=True)
            if stage == "matrix":
                assert all(np.array_equal(a, b) for a, b in zip(ours, same, strict=True))
            if stage == "drawn":
                assert list(ours) == list(same)
