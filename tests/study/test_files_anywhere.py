"""Stages that write files give the same files wherever they run, and survive what kills their workers."""

import numpy as np
import pandas as pd
import pytest

from conntap import open_store
from conntap.circuits import Connectome
from conntap.circuits.sonata.writing import write_sonata
from conntap.study import load_study, run
from conntap.study.entries import with_run
from conntap.study.records import stage_folder

BODY = """
stages:
  cut:
    do: manipulate.circuit
    of: circuits
    recipe: [{do: remove_synapses, keep_connections: one}]
    each: {fraction: [0.25, 0.5]}
    discard: true
  again: {do: manipulate.circuit, of: cut, recipe: [{do: remove_connections, fraction: 0.5}], repeat: 2}
  net: {do: circuits.connectome, of: again}
"""


@pytest.fixture
def path(folder, write):
    """A study of two circuits of 20 cells."""
    rng = np.random.default_rng(1)
    nodes = pd.DataFrame({"layer": np.arange(20) % 2})
    for name in ("a", "b"):
        pre, post = (np.repeat(ends, 2) for ends in np.nonzero(rng.random((20, 20)) < 0.2))
        write_sonata(Connectome(nodes, pre, post, properties={"w": rng.random(len(pre))}), folder / name)
    return write(BODY, circuits="a: a\n  b: b")


def files_of(outcome):
    folder = stage_folder(outcome.out, "again") / "files"
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*.h5")}


@pytest.mark.parametrize("where", ["dask", "slurm"])
def test_the_same_files_come_of_every_executor(path, tmp_path, where, request):
    if where == "dask":
        pytest.importorskip("distributed")
    else:
        request.getfixturevalue("slurm")
    study = load_study(path)
    here = run(with_run(study, workers=2), out=tmp_path / "here")
    there = run(with_run(study, where=where, workers=2), out=tmp_path / "there")
    assert here.ok
    assert there.ok
    assert files_of(there) == files_of(here)
    assert len(files_of(here)) == 8
    assert not list((stage_folder(there.out, "cut") / "files").iterdir())
    with open_store(here.store) as one, open_store(there.store) as other:
        assert all(a == b for a, b in zip(one["net"], other["net"], strict=True))


def test_a_worker_that_dies_while_it_writes_leaves_nothing_and_the_next_writes_all(write, local, tmp_path):
    body = local + f"  files: {{do: 'plugin_steps:torn', of: local, mark: {tmp_path / 'mark'}}}\n"
    outcome = run(with_run(load_study(write(body)), workers=1))
    assert outcome.ok
    folder = stage_folder(outcome.out, "files") / "files"
    texts = sorted(each.read_text() for each in folder.rglob("both.txt"))
    assert texts == ["one half, the other of 3", "one half, the other of 3"]
    assert not list(folder.glob(".*"))
    with open_store(outcome.store) as store:
        assert store["files"][0]["text"].read_bytes() == b"one half, the other of 3"


def test_slices_of_a_stage_that_writes_files_are_refused(write, local):
    from conntap.errors import StudyError

    body = local + "  files: {do: 'plugin_steps:torn', of: local, mark: m, slices: [ei]}\nslices:\n  ei: {by: ei}\n"
    with pytest.raises(StudyError, match="writes files, of the whole only"):
        load_study(write(body))
