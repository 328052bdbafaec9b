"""Networks of the Connectomics challenge: YAML and lines."""

import numpy as np
import pandas as pd
import pytest

import conntap
from conntap.errors import FormatError


def written(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def test_lines_and_positions_make_a_connectome_numbered_from_one(tmp_path):
    edges = written(tmp_path, "network_small.csv", "1,2,1\n3,1,-1\n2,3,0\n")
    places = written(tmp_path, "networkPositions_small.csv", "0.1,0.2\n0.3,0.4\n0.5,0.6\n0.7,0.8\n")
    c = conntap.read(edges, format="chalearn", nodes=places)
    assert c.edges.to_numpy().tolist() == [[1, 2, 1], [3, 1, -1]]
    assert c.nodes.index.tolist() == [1, 2, 3, 4]
    assert c.nodes.loc[2].tolist() == [0.3, 0.4]


def test_without_positions_the_nodes_are_those_up_to_the_last_named(tmp_path):
    c = conntap.read(written(tmp_path, "network.csv", "1,4,1\n"), format="chalearn")
    assert c.ids.tolist() == [1, 2, 3, 4]
    table = pd.DataFrame({"kind": list("abcd")}, index=[1, 2, 3, 4])
    same = conntap.read(tmp_path / "network.csv", format="chalearn", nodes=table)
    assert same.nodes["kind"].tolist() == list("abcd")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,2\n", "3 finite numbers"),
        ("1,2,x\n", "not 3 numbers"),
        ("0,2,1\n", "from 1"),
        ("1,2,nan\n", "finite"),
        ("1.5,2,1\n", "from 1"),
    ],
)
def test_other_lines_are_told(tmp_path, text, told):
    with pytest.raises(FormatError, match=told):
        conntap.read(written(tmp_path, "network.csv", text), format="chalearn")


def test_fewer_positions_than_nodes_are_told(tmp_path):
    edges = written(tmp_path, "network.csv", "1,3,1\n")
    with pytest.raises(FormatError, match="network"):
        conntap.read(edges, format="chalearn", nodes=written(tmp_path, "positions.csv", "0,0\n1,1\n"))


def test_positions_beside_yaml_are_told(tmp_path):
    path = written(tmp_path, "net.yaml", "---\nnodes:\n  - id: 1\n    pos: [0.5, 0.25]\n")
    assert conntap.read(path).nodes["y"].tolist() == [0.25]
    with pytest.raises(FormatError, match="Leave nodes out"):
        conntap.read(path, nodes="positions.csv")


def test_the_networks_of_the_challenge_have_signs_and_places(shared_data):
    c = conntap.read(shared_data / "connectomics" / "normal-3.yaml")
    weight = c.properties["weight"]
    assert c.n_nodes == 1000
    assert set(weight) == {1.0, -1.0}
    negative = np.unique(c.pre[weight < 0])
    assert len(negative) == 200
    assert not set(negative) & set(c.pre[weight > 0])
    assert c.nodes[["x", "y"]].to_numpy().min() >= 0
