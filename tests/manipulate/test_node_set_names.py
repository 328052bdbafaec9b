"""Node sets by name in a recipe: what is said of a name that is none, and of sets that are broken."""

import json

import pandas as pd
import pytest

from conntap.circuits import Connectome, open_circuit
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import NodeSetError, OptionError
from conntap.manipulate.circuits import examine_circuit
from conntap.manipulate.configurations import prepared, read_configuration

SETS = {"Half": {"layer": 1}, "Ref": ["Half", "Nope"]}


@pytest.fixture
def path(tmp_path):
    path = write_sonata(Connectome(pd.DataFrame({"layer": [1, 1, 2]}), [0, 0, 2], [1, 2, 0]), tmp_path / "circuit")
    (path.parent / "node_sets.json").write_text(json.dumps(SETS))
    path.write_text(json.dumps({**json.loads(path.read_text()), "node_sets_file": "node_sets.json"}))
    return path


def removed(path, pre):
    recipe = [{"do": "remove_connections", "pre": pre, "fraction": 1}]
    return int(examine_circuit(open_circuit(path), recipe=recipe)["connections"].iloc[0])


def test_a_set_that_names_one_that_is_not_there_stops_only_those_who_ask_for_it(path):
    assert removed(path, "Half") == 2
    assert removed(path, "layer == 2") == 1
    with pytest.raises(NodeSetError, match=r"^recipe\[0\]: .*Ref: unknown node set 'Nope'; known: Half, Ref"):
        removed(path, "Ref")


def test_a_name_that_is_no_node_set_is_answered_with_the_nearest(path):
    message = (
        r"unknown node set 'half'; known: Half, Ref\. Did you mean 'Half'\? .*an expression.*node properties: layer"
    )
    with pytest.raises(OptionError, match=message):
        removed(path, "half")


def test_node_sets_beside_a_configuration_that_does_not_name_them_are_told(path):
    values = json.loads(path.read_text())
    del values["node_sets_file"]
    path.write_text(json.dumps(values))
    with pytest.raises(OptionError, match=r"known: none\. .*though node_sets\.json lies beside it"):
        removed(path, "Half")
    recipe = [{"do": "remove_connections", "pre": {"node_set": "Half", "layer": 1}, "fraction": 1}]
    asked = read_configuration({"circuit": str(path), "recipe": recipe}, path.parent)
    with pytest.raises(OptionError, match=r"recipe\[0\]\.pre\.node_set: .*though node_sets\.json lies beside it"):
        prepared(asked, open_circuit(path))
