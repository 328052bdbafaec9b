"""What a network of vessels is like."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from conntap.build import vessel_statistics, vessels
from conntap.circuits.tissue import Vasculature
from conntap.errors import OptionError

BOX = ((0, 0, 0), (300, 300, 300))


def test_each_measure_has_its_verdict_and_what_is_missed_is_said():
    table = vessel_statistics(vessels(box_um=BOX, rng=np.random.default_rng(1)), box_um=BOX)
    slack = 0.05 * (table["low"] == table["high"])
    inside = (table["value"] >= (1 - slack) * table["low"]) & (table["value"] <= (1 + slack) * table["high"])
    assert (table["verdict"] == np.where(inside, "meets", "misses")).all()
    assert table.loc["length density (mm/mm3)", "value"] == pytest.approx(1000, rel=0.02)
    assert table.loc["junctions of three sections", "value"] > 0.8
    assert table.loc["share of volume", "verdict"] == "misses"


def test_sections_of_a_box_with_room_are_as_long_as_published_and_the_mean_distance_is_that_of_chance():
    box = ((0, 0, 0), (450, 450, 450))
    v = vessels(box_um=box, rng=np.random.default_rng(1))
    value = vessel_statistics(v, box_um=box)["value"]
    assert 50 <= value["capillary section length (um)"] <= 70
    radius = 2.6
    assert value["mean distance of tissue to vessels (um)"] == pytest.approx(0.5 * 1000**0.5 - radius, rel=0.1)


def test_distances_are_those_of_brute_force():
    v = vessels(box_um=((0, 0, 0), (100, 100, 100)), rng=np.random.default_rng(1), density_mm_per_mm3=2000.0)
    table = vessel_statistics(v, box_um=((0, 0, 0), (100, 100, 100)))
    places = np.random.default_rng(0).random((2000, 3)) * 100
    share = np.linspace(0, 1, 5)[:, None, None]
    points = (v.starts + share * (v.ends - v.starts)).reshape(-1, 3)
    radii = (v.radii[:, 0] + share[..., 0] * (v.radii[:, 1] - v.radii[:, 0])).ravel()
    brute = np.maximum((cdist(places, points) - radii).min(axis=1), 0).mean()
    assert table.loc["mean distance of tissue to vessels (um)", "value"] == pytest.approx(brute, rel=0.05)


def test_a_fork_by_hand():
    points = [[5, 5, 0], [5, 5, 5], [5, 0, 5], [5, 10, 5], [5, 10, 8]]
    v = Vasculature(points, [2] * 5, [[0, 1], [1, 2], [1, 3], [3, 4]], [0, 1, 2, 2], [0, 0, 0, 1], [7] * 4)
    value = vessel_statistics(v, box_um=((0, 0, 0), (10, 10, 10)))["value"]
    assert value["length density (mm/mm3)"] == pytest.approx(18 / 1000 * 1e6)
    assert value["share of volume"] == pytest.approx(18 * np.pi / 1000)
    assert value["junctions of three sections"] == 1.0
    assert np.isnan(value["capillary section length (um)"])


def test_without_vessels_nothing_is_known():
    none = Vasculature(np.empty((0, 3)), [], np.empty((0, 2), dtype=int), [], [], [])
    value = vessel_statistics(none, box_um=BOX)["value"]
    assert value["length density (mm/mm3)"] == 0
    assert vessel_statistics(none, box_um=BOX)["verdict"].tolist()[1:5] == ["unknown"] * 4
    assert np.isnan(value["mean distance of tissue to vessels (um)"])


def test_what_is_no_box_is_refused():
    none = Vasculature(np.empty((0, 3)), [], np.empty((0, 2), dtype=int), [], [], [])
    with pytest.raises(OptionError, match="box_um"):
        vessel_statistics(none, box_um=((0, 0, 0), (0, 0, 0)))
