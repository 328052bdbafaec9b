"""What is selected, where that is nothing: told as a warning, in memory and in chunks."""

import logging

import numpy as np
import pandas as pd
import pytest

from conntap import manipulate
from conntap.circuits import Connectome, open_circuit
from conntap.circuits.masks import Mask
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import OptionError
from conntap.manipulate.circuits import examine_circuit

C = Connectome(pd.DataFrame({"layer": [1, 1, 2]}), [0, 0, 1, 2], [1, 2, 2, 0])
RULE = {"kind": "Constant", "p": 0.5}
EMPTY = [
    {"do": "remove_connections", "pre": "layer == 99", "fraction": 0.5},
    {"do": "remove_synapses", "post": {"layer": [77]}, "fraction": 0.5},
    {"do": "subsample", "pre": [], "fraction": 0.5},
    {"do": "extract", "nodes": "layer > 7"},
    {"do": "wire", "rule": RULE, "pre": "layer == 99"},
    {"do": "rewire", "rule": RULE, "post": "layer == 99"},
]


def told(caplog):
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


@pytest.mark.parametrize("step", EMPTY, ids=lambda step: step["do"])
def test_a_selection_of_no_nodes_is_told_once_in_memory_and_in_chunks(step, caplog, tmp_path):
    options = {key: value for key, value in step.items() if key != "do"}
    rng = {} if step["do"] == "extract" else {"rng": np.random.default_rng(0)}
    getattr(manipulate, step["do"])(C, **options, **rng)
    in_memory = told(caplog)
    assert len(in_memory) == 1
    assert "none of 3 nodes is selected" in in_memory[0]
    assert in_memory[0].startswith(step["do"])
    caplog.clear()
    examine_circuit(open_circuit(write_sonata(C, tmp_path / "old")), recipe=[step], mem_gb=1e-9)
    assert told(caplog) == [f"recipe[0]: {in_memory[0]}"]


def test_a_mask_without_pairs_is_told(caplog, tmp_path):
    step = {"mask": Mask.from_pairs([], []), "fraction": 1}
    manipulate.remove_connections(C, **step, rng=np.random.default_rng(0))
    in_memory = told(caplog)
    assert in_memory == ["remove_connections.mask: it has no pairs, so no connection is selected."]
    caplog.clear()
    recipe = [{"do": "remove_connections", **step}]
    examine_circuit(open_circuit(write_sonata(C, tmp_path / "old")), recipe=recipe)
    assert told(caplog) == [f"recipe[0]: {in_memory[0]}"]


def test_of_two_manipulations_of_a_kind_it_is_told_which_is_wrong(caplog, tmp_path):
    circuit = open_circuit(write_sonata(C, tmp_path / "old"))
    fine = {"do": "remove_connections", "pre": "layer == 1", "fraction": 0.5}
    for odd, message in [
        ({"fraction": 1.5}, r"^recipe\[1\]: remove_connections\.fraction: 1\.5; give a number"),
        ({"post": "layr == 1"}, r"^recipe\[1\]: remove_connections\.post: query .*unknown node property 'layr'"),
        ({"fraction": None, "connections": 99}, r"^recipe\[1\]: remove_connections\.connections: 99; there are"),
        ({"fractoin": 1}, r"^recipe\[1\]: remove_connections: unknown option 'fractoin'"),
    ]:
        with pytest.raises(OptionError, match=message):
            examine_circuit(circuit, recipe=[fine, {**fine, **odd}], mem_gb=1e-9, workers=2)
    caplog.clear()
    examine_circuit(circuit, recipe=[fine, {**fine, "mask": Mask.from_pairs([2, 1], [0, 0])}])
    assert told(caplog) == ["recipe[1]: remove_connections.mask: 1 of its 2 pairs are not connected."]


def test_nothing_is_told_where_nodes_are_selected_or_all_are_meant(caplog):
    manipulate.remove_connections(C, pre="layer == 1", fraction=0.5, rng=np.random.default_rng(0))
    manipulate.wire(C, rule=RULE, rng=np.random.default_rng(0))
    assert told(caplog) == []
