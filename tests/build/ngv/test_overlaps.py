import numpy as np
import pandas as pd
import pytest

from conntap.build.ngv.overlaps import domain_overlaps
from conntap.build.ngv.placement import astrocytes
from conntap.build.ngv.power_cells import domains
from conntap.circuits.tissue import Domains, Mesh, Meshes
from conntap.errors import CircuitError, OptionError

CUBE = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], dtype=float)
FACES = [[0, 4, 6], [0, 6, 2], [1, 3, 7], [1, 7, 5], [0, 1, 5], [0, 5, 4]]
FACES += [[2, 6, 7], [2, 7, 3], [0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6]]


def boxes(*corners):
    """Domains that are boxes, each from a lower to an upper corner."""
    meshes = Meshes.of(Mesh(np.array(low) + CUBE * (np.array(high) - low), FACES) for low, high in corners)
    return Domains(meshes, np.repeat([-1, -2, -3, -4, -5, -6], 2).tolist() * len(corners), np.ones(len(corners)))


def grown(overlap, n=60, seed=1, **options):
    side = (n / 12_286e-9) ** (1 / 3)
    box = ((0, 0, 0), (side, side, side))
    cells = astrocytes(box_um=box, rng=np.random.default_rng(seed))
    return domains(cells, box_um=box, overlap=overlap, rng=np.random.default_rng(0), **options)


def test_boxes_share_what_one_counts_by_hand():
    found = domain_overlaps(boxes([(0, 0, 0), (4, 4, 4)], [(3, 0, 0), (7, 4, 4)], [(3, 3, 0), (4, 9, 4)]))
    assert found["volume"].tolist() == pytest.approx([64, 64, 24])
    assert found["shared"].tolist() == pytest.approx([16, 16, 4])  # the third lies there within the second's share
    assert found["pairs"].tolist() == pytest.approx([20, 20, 8])
    assert found["fraction"].tolist() == pytest.approx([0.25, 0.25, 1 / 6])


def test_many_in_one_place_are_wholly_shared():
    found = domain_overlaps(boxes(*[[(0, 0, 0), (2, 2, 2)]] * 6))
    assert found["fraction"].tolist() == pytest.approx([1] * 6)
    assert found["pairs"].tolist() == pytest.approx([40] * 6)


def test_too_many_in_one_place_are_refused():
    with pytest.raises(CircuitError, match="overlaps too many others"):
        domain_overlaps(boxes(*[[(0, 0, 0), (2, 2, 2)]] * 30))


@pytest.mark.parametrize("overlap", [0.1, 0.3])
def test_shared_volumes_are_those_of_points_counted(overlap):
    found = grown(overlap)
    ids = [3, 17, 40]
    table = domain_overlaps(found, ids=ids)
    assert table.index.tolist() == ids
    np.testing.assert_allclose(table["volume"], found.volumes[ids], rtol=1e-9)
    rng = np.random.default_rng(2)
    for i in ids:
        points = found.meshes[i].points
        sample = rng.uniform(points.min(axis=0), points.max(axis=0), (20_000, 3))
        sample = sample[found.contains(i, sample)]
        inside = np.sum([found.contains(j, sample) for j in range(len(found)) if j != i], axis=0)
        assert table["fraction"][i] == pytest.approx((inside > 0).mean(), abs=0.015)
        assert table["pairs"][i] == pytest.approx(inside.mean() * table["volume"][i], rel=0.1)


def test_cells_that_were_not_grown_share_nothing():
    assert domain_overlaps(grown(0.0))["shared"].max() < 1e-6


def test_the_formula_gives_inner_cells_the_fraction_asked_for_within_a_few_hundredths_of_it():
    found = grown(0.1, n=400)
    walls = np.unique(found.meshes.owners[found.neighbours < 0])
    fraction = domain_overlaps(found)["fraction"].drop(walls)
    assert fraction.mean() == pytest.approx(0.1, rel=0.03)
    assert fraction.std() < 0.01


def test_growth_that_is_measured_meets_the_fraction_asked_for():
    found = grown(0.2, n=200, growth="measured")
    walls = np.unique(found.meshes.owners[found.neighbours < 0])
    assert domain_overlaps(found)["fraction"].drop(walls).mean() == pytest.approx(0.2, rel=0.011)


def test_a_domain_that_is_empty_shares_nothing():
    cells = pd.DataFrame({"x": [50.0, 50], "y": [50.0, 50], "z": [50.0, 50], "radius": [9.0, 5]})
    found = domains(cells, box_um=((0, 0, 0), (100, 100, 100)), rng=np.random.default_rng(0))
    assert domain_overlaps(found)["fraction"].tolist() == [0, 0]
    assert domain_overlaps(found)["volume"].tolist() == pytest.approx([1e6, 0])
    with pytest.raises(OptionError, match=r"ids: not all are from 0 to 1"):
        domain_overlaps(found, ids=[2])
