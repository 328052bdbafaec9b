"""The example of neurons, astrocytes and vessels: the same on any number of workers, and after a kill in the middle of growing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import bluepysnap
import libsonata
import numpy as np
import pytest

from conntap import open_store
from conntap.circuits.checks import check
from conntap.store import encode
from conntap.study import load_study, run
from conntap.study.records import stage_folder

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "ngv" / "study.yaml"


def smaller(folder):
    """The example in a smaller cube, with fewer synapses."""
    text = EXAMPLE.read_text()
    assert text.count("150, 150, 150") == 5
    text = text.replace("150, 150, 150", "100, 100, 100").replace("layers_um: [150]", "layers_um: [100]")
    path = folder / "study.yaml"
    path.write_text(text.replace("per_um3: 0.1\n", "per_um3: 0.02\n") + "run: {workers: 2}\n")
    return path


def started(path, out):
    command = [sys.executable, "-m", "conntap.cli", "run", path, "--out", out, "--workers", "1", "--no-report"]
    return subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip


def kept(out):
    """What was kept of cells: name -> when it was written."""
    found = {}
    for each in (stage_folder(out, "morphologies") / "kept").glob("*/*/*"):
        try:
            found[each.name] = each.stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return {name: when for name, when in found.items() if not name.startswith(".")}


def seen(process, out, *, until=lambda found: False):
    """What was kept at any time until the process ends, or enough was; the largest."""
    most = {}
    for _ in range(4000):
        found = kept(out)
        most = found if len(found) > len(most) else most
        if until(found) or process.poll() is not None:
            break
        time.sleep(0.02)
    return most


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """The study on two workers; and on one, which is killed while it grows cells and runs again; what was kept then."""
    folder = tmp_path_factory.mktemp("ngv")
    path = smaller(folder)
    whole = run(load_study(path), out=folder / "two")
    assert whole.ok, whole.failures
    process = started(path, folder / "one")
    seen(process, folder / "one", until=lambda found: len(found) >= 2)
    assert process.poll() is None, process.stderr.read()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = kept(folder / "one")
    process = started(path, folder / "one")
    after = seen(process, folder / "one")
    assert process.wait() == 0, process.stderr.read()
    process.stderr.close()
    return whole.store, folder / "one" / "store.h5", before, after


@pytest.fixture(scope="module")
def circuit(outcomes):
    with open_store(outcomes[0]) as store:
        return store["circuit"][0]


def test_cells_that_were_done_before_the_kill_are_not_grown_again(outcomes):
    _, _, before, after = outcomes
    assert len(before) >= 2
    assert before.items() <= after.items()  # not written anew
    assert len(after) > len(before)


def test_two_workers_and_one_that_was_killed_give_the_same(outcomes):
    with open_store(outcomes[0]) as one, open_store(outcomes[1]) as other:
        assert list(one) == list(other)
        for name in one:
            if name == "circuit":
                continue
            for left, right in zip(one[name], other[name], strict=True):
                _equal(encode(left).arrays, encode(right).arrays)
        assert _files(one["circuit"][0].path.parent) == _files(other["circuit"][0].path.parent)


def _equal(one, other):
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(np.asarray(values), np.asarray(other[name]))


def _files(folder):
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_nothing_is_wrong_with_the_circuit(circuit):
    assert [str(each) for each in check(circuit.path) if each.level == "error"] == []


def test_libsonata_and_bluepysnap_open_it(circuit):
    config = libsonata.CircuitConfig.from_file(str(circuit.path))
    assert config.node_populations == {"column", "vasculature", "astrocytes"}
    assert config.edge_populations >= {"gliovascular", "neuroglial", "glialglial"}
    snap = bluepysnap.Circuit(str(circuit.path))
    assert snap.nodes["astrocytes"].size == circuit.nodes("astrocytes").size == round(12_286 * 100**3 * 1e-9)
    assert snap.edges["neuroglial"].size == config.edge_population("neuroglial").size > 10_000


def test_the_density_and_the_endfeet_are_those_asked_for(outcomes):
    with open_store(outcomes[0]) as store:
        table = store["validation"][0].set_index(["quantity", "source"])
        assert table.loc[("astrocyte_density", "Appaix et al."), "verdict"] == "pass"
        assert len(store["endfeet"][0]) == len(store["sites"][0]) > 0
