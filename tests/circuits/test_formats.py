"""Reading and writing connectomes: what survives which format."""

import numpy as np
import pytest

from conntap.circuits.connectome import Connectome
from conntap.circuits.formats import read, write


@pytest.fixture
def labelled() -> Connectome:
    """Three labelled nodes, a parallel pair of edges, a number and a text on each edge."""
    return Connectome.from_ids(
        ["AVA", "AVB", "RIM"],
        ["AVA", "AVA", "RIM"],
        ["AVB", "AVB", "AVA"],
        properties={"weight": [1.5, 2.0, 0.1], "kind": ["chemical", "gap", "chemical"]},
    )


@pytest.mark.parametrize("name", ["c.h5", "c.csv", "c.csv.gz", "c.tsv", "c.parquet", "c.feather"])
def test_edges_come_back_equal(name, labelled, tmp_path):
    write(labelled, tmp_path / name)
    assert read(tmp_path / name) == labelled


def test_the_worm_is_read_in_full(shared_data):
    worm = read(shared_data / "celegans" / "herm_full_edgelist.csv")
    assert worm.filter(Type="chemical").n_edges == 4681
    assert worm.filter(Type="electrical").n_edges == 2698
    assert all(label == label.strip() for label in worm.ids)


def test_the_worms_chemical_network_has_the_published_size(shared_data):
    worm = read(shared_data / "celegans" / "herm_full_edgelist.csv").filter(Type="chemical")
    merged = worm.filter(worm.pre != worm.post).connections()
    assert merged.n_edges == 4647
    assert len(np.union1d(merged.pre, merged.post)) == 419


def test_the_fly_visual_system_is_read_from_its_folder(shared_data):
    fly = read(shared_data / "fly_visual")
    assert (fly.n_nodes, fly.n_edges) == (45_669, 1_513_231)
    assert list(fly.nodes.columns) == ["cell_type", "u", "v", "role"]
    assert set(fly.properties) == {"n_syn", "sign"}
