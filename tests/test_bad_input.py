"""Bad input of every kind ends in one clear message, and in nothing half-written."""

import json
import os
import shutil
import subprocess

import h5py
import numpy as np
import pytest

from conntap import build, errors, open_store, write
from conntap.seeds import stream
from conntap.study import load_study, run, setup

STUDY = """\
study: Bad input
circuits: {c: {path: circuit/circuit_config.json}}
subtargets: {h: {do: circuits.hexgrid, radius_um: 150, plane: [x, z]}}
stages:
  local: {do: circuits.connectome, of: subtargets.h}
  n: {do: analyze.degrees, of: local}
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A small circuit and a study on it, both sound."""
    folder = tmp_path_factory.mktemp("whole")
    write(build.column(n_nodes=150, rng=stream(1, "bad input")), folder / "circuit", format="sonata")
    (folder / "study.yaml").write_text(STUDY)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


def population(file, kind):
    return file[kind][next(iter(file[kind]))]


def truncate(folder):
    edges = folder / "circuit" / "edges.h5"
    os.truncate(edges, edges.stat().st_size // 2)


def lose_a_file(folder):
    (folder / "circuit" / "edges.h5").unlink()


def nan_positions(folder):
    with h5py.File(folder / "circuit" / "nodes.h5", "r+") as file:
        population(file, "nodes")["0/x"][3:5] = np.nan


def circular_manifest(folder):
    path = folder / "circuit" / "circuit_config.json"
    config = json.loads(path.read_text())
    config["manifest"] = {"$A": "$B/x", "$B": "$A/y"}
    config["networks"]["nodes"][0]["nodes_file"] = "$A/nodes.h5"
    path.write_text(json.dumps(config))


def broken_config(folder):
    (folder / "circuit" / "circuit_config.json").write_text('{"networks": ')


def unknown_population(folder):
    (folder / "study.yaml").write_text(STUDY.replace("circuit_config.json", "circuit_config.json, edges: colum"))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (truncate, r"circuits\.c: .*edges\.h5: .*truncated"),
        (lose_a_file, r"circuits\.c: .*edges\.h5.*[Nn]o such file"),
        (nan_positions, r"subtargets\.h of circuits\.c: hexgrid: 2 of 150 nodes have no finite x, z: 3, 4"),
        (circular_manifest, r"circuits\.c: .*manifest: circular: \$A -> \$B -> \$A"),
        (broken_config, r"circuits\.c: .*circuit_config\.json"),
        (unknown_population, r"circuits\.c: .*'colum'.*known: "),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_circuit_is_told_before_anything_runs(folder, harm, message):
    harm(folder)
    with pytest.raises(errors.StudyError, match=message):
        setup(load_study(folder / "study.yaml"), folder / "out")
    assert not (folder / "out").exists()


def test_an_edge_to_no_node_fails_the_units_that_meet_it(folder):
    with h5py.File(folder / "circuit" / "edges.h5", "r+") as file:
        population(file, "edges")["source_node_id"][...] = 99_999
    outcome = run(load_study(folder / "study.yaml"))
    assert {each["stage"] for each in outcome.failures} == {"local"}
    assert outcome.waiting == outcome.failed > 0
    assert all(each["error"].startswith("CircuitError: ") for each in outcome.failures)
    assert "id 99999 is out of range" in outcome.failures[0]["error"]


def test_a_damaged_store_is_told_and_collecting_again_mends_it(whole, tmp_path):
    outcome = run(load_study(whole / "study.yaml"), out=tmp_path / "out")
    os.truncate(outcome.store, 5_000)
    with pytest.raises(errors.StoreError, match=r"store\.h5"):
        open_store(outcome.store)["n"].frame()
    again = run(load_study(whole / "study.yaml"), out=tmp_path / "out")
    assert again.done == 0
    with open_store(again.store) as store:
        assert len(store["n"].frame()) == 150


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 400 KiB; tests that need it skip where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_is_told_and_the_next_run_goes_on(whole, small_disk):
    study = load_study(whole / "study.yaml")
    (small_disk / "ballast").write_bytes(bytes(300_000))
    with pytest.raises(errors.StoreError, match="the disk is full"):
        run(study, out=small_disk / "out")
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    assert run(study, out=small_disk / "out").ok
