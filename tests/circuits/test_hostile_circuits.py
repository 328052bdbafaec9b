"""Configurations and files made to hang, to fill the memory or to end in a traceback end in one clear message."""

import json
import os
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from sonata_files import write_nodes

from conntap.circuits import open_circuit
from conntap.circuits.checks import check
from conntap.circuits.nodesets import NodeSets
from conntap.circuits.patterns import is_slow
from conntap.errors import CircuitError, NodeSetError


@pytest.fixture(autouse=True)
def quick():
    start = time.perf_counter()
    yield
    assert time.perf_counter() - start < 20


@pytest.fixture
def folder(tmp_path):
    write_nodes(tmp_path / "nodes.h5", n=3, name="cells")
    configure(tmp_path)
    return tmp_path


def configure(folder, manifest=None, **entry):
    nodes = [{"nodes_file": "nodes.h5", **entry}]
    config = {"manifest": manifest or {}, "networks": {"nodes": nodes}, "node_sets_file": "sets.json"}
    (folder / "circuit_config.json").write_text(json.dumps(config))
    (folder / "sets.json").write_text("{}")


def told(folder, match):
    """One finding of `check`, and the same message of whatever opens the circuit."""
    assert [each for each in check(folder) if each.level == "error"]
    with pytest.raises(CircuitError, match=match):
        used(folder)


def used(folder):
    circuit = open_circuit(folder)
    circuit.nodes("cells").table()
    circuit.node_sets.mask("a", circuit.nodes("cells"))


def test_sets_of_sets_cost_no_more_than_there_are(folder):
    sets = {"a0": {"node_id": [1]}, **{f"a{i}": [f"a{i - 1}"] * 8 for i in range(1, 40)}}
    (folder / "sets.json").write_text(json.dumps(sets))
    circuit = open_circuit(folder)
    assert circuit.nodes().ids("a39").tolist() == [1]


def test_a_long_chain_of_sets_is_followed(folder):
    sets = {f"a{i}": [f"a{i + 1}"] for i in range(3000)} | {"a3000": {"node_id": 2}}
    (folder / "sets.json").write_text(json.dumps(sets))
    assert open_circuit(folder).nodes().ids("a0").tolist() == [2]
    with pytest.raises(NodeSetError, match="circular: a0 -> a1"):
        NodeSets({**sets, "a3000": ["a0"]})


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "(a|aa)+$", "(a?){30}a{30}", "a*a*a*a*a*a*a*b", "(a*)*b", "(?:a|b|ab)*c"]
)
def test_a_pattern_that_goes_back_without_end_is_slow(pattern):
    assert is_slow(pattern, 60)


@pytest.mark.parametrize("pattern", ["PC", "^L[1-6]_(TPC|BC):[A-Z]+$", ".*PC.*", "(?i)^s1.*_[0-9]+$", "^(?!x).{3,}$"])
def test_a_pattern_of_every_day_is_not_slow(pattern):
    assert not is_slow(pattern, 60)


def test_a_slow_pattern_is_refused_before_it_is_searched(folder):
    with h5py.File(folder / "nodes.h5", "r+") as file:
        file["nodes/cells/0/kind"] = np.array([b"a" * 40 + b"!"] * 3)
    (folder / "sets.json").write_text(json.dumps({"a": {"kind": {"$regex": "^(a+)+$"}}}))
    told(folder, "may take too long")


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"$A0": "xxxxxxxxxx", **{f"$A{i}": f"$A{i - 1}" * 10 for i in range(1, 12)}}, "more than 10,000 characters"),
        ({**{f"$A{i}": f"$A{i + 1}" for i in range(1500)}, "$A1500": "."}, "name one another 100 deep"),
    ],
)
def test_a_manifest_that_grows_without_end_is_refused(folder, manifest, said):
    configure(folder, manifest)
    told(folder, said)


@pytest.mark.parametrize("populations", [{"cells": [1, 2]}, {"cells": "abc"}, {"cells": 5}])
def test_a_population_described_by_no_object_is_refused(folder, populations):
    configure(folder, populations=populations)
    told(folder, r"populations\.cells: give an object")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 900 + "]" * 900,
        '{"a": ' * 900 + "1" + "}" * 900,
        '{"a": {"node_id": ' + "9" * 5000 + "}}",
        '{"a": "\\ud800"}',
    ],
    ids=["lists", "objects", "digits", "half"],
)
@pytest.mark.parametrize("name", ["circuit_config.json", "sets.json"])
def test_json_of_a_kind_that_no_one_writes_is_refused(folder, name, text):
    (folder / name).write_text(text)
    told(folder, "json: (the JSON is nested|no valid JSON|the text .* half a character)")


@pytest.mark.parametrize("path", ["a\0b.h5", "a\ud800.h5"])
def test_a_path_that_no_file_can_have_is_refused(folder, path):
    configure(folder, nodes_file=path)
    told(folder, "half a character")
    with pytest.raises(CircuitError, match="no path"):
        open_circuit(path)


@pytest.mark.parametrize("rule", [[[1], [2, 3]], [1.5], "1", [10**30], [True]])
def test_ids_that_are_no_ids_are_refused(folder, rule):
    (folder / "sets.json").write_text(json.dumps({"a": {"node_id": rule}}))
    told(folder, "give a whole number")


def test_a_link_to_itself_is_refused(folder):
    with h5py.File(folder / "nodes.h5", "r+") as file:
        file["nodes/cells/0/self"] = h5py.SoftLink("/nodes/cells/0/self")
        file["nodes/self"] = h5py.SoftLink("/nodes/self")
    told(folder, r"nodes\.h5")


@pytest.mark.parametrize("name", ["circuit_config.json", "sets.json", "nodes.h5"])
def test_a_pipe_or_a_device_is_no_file(folder, name):
    for make, said in ((os.mkfifo, "a pipe"), (lambda path: path.symlink_to("/dev/zero"), "a device")):
        (folder / name).unlink()
        make(folder / name)
        code = f"from conntap.circuits.checks import check; print(*check({str(folder / 'circuit_config.json')!r}))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        assert said in done.stdout


def test_data_outside_the_circuits_folder_is_odd(tmp_path):
    folder = tmp_path / "circuit"
    folder.mkdir()
    write_nodes(folder / "nodes.h5", n=3, name="cells")
    configure(folder)
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.arange(3.0)
    (tmp_path / "secret.bin").write_bytes(bytes(24))
    with h5py.File(folder / "inside.h5", "w") as file:
        file["w"] = np.arange(3.0)
    with h5py.File(folder / "nodes.h5", "r+") as file:
        group = file["nodes/cells/0"]
        group["x"] = h5py.ExternalLink("../secret.h5", "/x")
        group["w"] = h5py.ExternalLink("inside.h5", "/w")
        group.create_dataset("y", (3,), "f8", external=[(str(tmp_path / "secret.bin"), 0, 24)])
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "x", (3,))
        group.create_virtual_dataset("z", layout)
    odd = [each for each in check(folder) if "outside the circuit's folder" in each.what]
    assert sorted(each.where.rpartition("/")[2] for each in odd) == ["x", "y", "z"]
