"""Nodes whose properties were not read: what asks for one says how to read them."""

import re

import numpy as np
import pandas as pd
import pytest

from conntap.circuits import Connectome, open_circuit
from conntap.circuits.rules import fit_probability
from conntap.circuits.selection import selected
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import OptionError
from conntap.manipulate import remove_connections

UNREAD = re.escape("known: none. These nodes have no properties. Read them too: `circuit.edges().connectome(node_p")


@pytest.fixture
def population(tmp_path):
    nodes = pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": 0.0, "z": 0.0, "ei": ["e", "i", "e"]})
    return open_circuit(write_sonata(Connectome(nodes, [0, 1], [1, 2]), tmp_path)).edges()


def test_a_fit_says_how_positions_and_groups_are_read(population):
    bare = population.connectome()
    with pytest.raises(OptionError, match=f"unknown node property 'x'; {UNREAD}"):
        fit_probability(bare, order=2)
    with pytest.raises(OptionError, match=f"unknown node property 'ei'; {UNREAD}"):
        fit_probability(bare, order=1, by="ei")
    assert fit_probability(population.connectome(node_properties=None), order=1, by="ei").model


@pytest.mark.parametrize("choice", ["ei == 'e'", {"ei": "e"}])
def test_a_selection_says_how_properties_are_read(choice, population):
    with pytest.raises(
        OptionError, match=f"'ei'; {UNREAD}" if isinstance(choice, dict) else "known: id.* Read them too"
    ):
        remove_connections(population.connectome(), pre=choice, fraction=1, rng=np.random.default_rng(0))


def test_nodes_that_have_properties_get_no_such_hint():
    with pytest.raises(OptionError, match=r"'layr'; known: id, layer\. Did you mean 'layer'\?$"):
        selected(pd.DataFrame({"layer": [1]}), "layr == 1", "example.nodes")
