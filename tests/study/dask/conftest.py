"""The plugin of these tests, and what several of them need."""

import os
import sys
from pathlib import Path

import pandas as pd
import pytest

from conntap import open_store
from conntap.study import load_study, run
from conntap.study.entries import with_run

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def dask_plugin(plugin, monkeypatch):
    """`dask_steps` is importable here and in worker processes."""
    pytest.importorskip("distributed")
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ["PYTHONPATH"]]))
    yield
    sys.modules.pop("dask_steps", None)


@pytest.fixture
def on_dask():
    """Runs a study on Dask; gives its outcome."""

    def runs(path, *, out=None, listen=lambda event: None, **options):
        return run(with_run(load_study(path), **{"where": "dask", "workers": 2, **options}), out=out, listen=listen)

    return runs


@pytest.fixture
def frame():
    """The values of a stage of an outcome's store."""

    def reads(outcome, stage):
        with open_store(outcome.store) as opened:
            return opened[stage].frame()

    return reads


@pytest.fixture
def drawn(write, local, tmp_path):
    """A study of draws, and its outcome on local processes."""
    path = write(
        local + "  n: {do: 'plugin_steps:draw', of: local, repeat: 20, controls: [s]}\n"
        "  f: {do: 'plugin_steps:fail_on', of: local, n_nodes: 3}\n"
        "controls: {s: {do: 'plugin_steps:shuffled', draws: 3}}\n"
    )
    return path, run(with_run(load_study(path), workers=2), out=tmp_path / "locally")


@pytest.fixture
def same_bits(drawn, on_dask, frame, tmp_path):
    """Whether the study of draws gives the same bits on Dask, run with these options."""

    def compares(**options):
        path, locally = drawn
        outcome = on_dask(path, out=tmp_path / "dask", **options)
        pd.testing.assert_frame_equal(frame(outcome, "n"), frame(locally, "n"), check_exact=True)
        return (outcome.done, outcome.failed, outcome.waiting) == (locally.done, locally.failed, locally.waiting)

    return compares
