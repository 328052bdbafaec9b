"""Gap junctions: crossing processes by hand, all pairs by brute force, parts, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from conntap.build.ngv._touches import closest
from conntap.build.ngv.segments import CellSegments
from conntap.build.ngv.touches import gap_junctions
from conntap.circuits.tissue import MorphologySet
from conntap.errors import CircuitError, OptionError


def grown(rng, ids, box=12.0, sections=4):
    """Cells of random walks; every section but the first hangs on an earlier one."""
    cells = []
    for each in ids:
        points, starts, parents = [], [0], []
        for section in range(sections):
            parent = int(rng.integers(-1, section)) if section else -1
            begin = rng.uniform(0, box, 3) if parent < 0 else points[starts[parent + 1] - 1]
            walk = begin + np.cumsum(rng.normal(0, 1.0, (int(rng.integers(1, 6)), 3)), axis=0)
            points += [begin, *walk]
            starts.append(len(points))
            parents.append(parent)
        n = len(points)
        table = pd.DataFrame({"astrocyte": [each], "x": 0.0, "y": 0.0, "z": 0.0, "radius": 3.0})
        diameters = rng.uniform(0.1, 1.0, n)
        cells.append(MorphologySet(table, points, diameters, diameters, starts, parents, [3] * sections, [0, sections]))
    return cells


def by_brute_force(cells, gap):
    """(cell, section, cell, section) -> the smallest distance of surfaces, where it is at most the gap."""
    segments = [CellSegments.of(each) for each in cells]
    ids = [int(each.table["astrocyte"].iloc[0]) for each in cells]
    found = {}
    for a in range(len(cells)):
        for b in range(len(cells)):
            for i in range(len(segments[a]) if ids[a] < ids[b] else 0):
                for j in range(len(segments[b])):
                    one, two = segments[a].take([i]), segments[b].take([j])
                    _, _, apart = closest(one.start[0], one.end[0], two.start[0], two.end[0])
                    apart = float(np.sqrt(apart)) - float(one.radius[0]) - float(two.radius[0])
                    key = (ids[a], int(one.section[0]), ids[b], int(two.section[0]))
                    if apart <= gap:
                        found[key] = min(found.get(key, np.inf), apart)
    return found


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 4), st.sampled_from([0.0, 0.7]))
def test_junctions_are_those_of_all_pairs_of_segments(seed, n, gap):
    rng = np.random.default_rng(seed)
    cells = grown(rng, rng.permutation(20)[:n])
    found, brute = gap_junctions(cells, gap_um=gap), by_brute_force(cells, gap)
    up = found[found["pre"] < found["post"]]
    keys = up[["pre", "efferent_section_id", "post", "afferent_section_id"]].itertuples(index=False)
    assert set(map(tuple, keys)) == brute.keys()
    assert len(found) == 2 * len(brute)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_parts_and_their_order_change_nothing(seed):
    rng = np.random.default_rng(seed)
    cells = grown(rng, range(5), box=8.0)
    whole = gap_junctions(MorphologySet.joined(cells))
    pd.testing.assert_frame_equal(gap_junctions([MorphologySet.joined(cells[i::2][::-1]) for i in (1, 0)]), whole)


def test_both_directions_tell_the_same_junction():
    found = gap_junctions(grown(np.random.default_rng(4), range(6), box=6.0))
    assert len(found) > 10
    up, down = (found[found["pre"].lt(found["post"]) == way].sort_values("junction_id") for way in (True, False))
    names = [name.removeprefix("efferent_") for name in found if name.startswith("efferent_")]
    for name in names:
        assert (up[f"efferent_{name}"].to_numpy() == down[f"afferent_{name}"].to_numpy()).all()
    assert up["junction_id"].tolist() == down["junction_id"].tolist() == list(range(len(up)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_the_closest_places_of_two_segments_are_those_of_an_optimiser(seed, parallel):
    rng = np.random.default_rng(seed)
    p, q, u, v = rng.uniform(-1, 1, (4, 3))
    if parallel:
        v = u + 0.5 * (q - p)
    s, t, apart = closest(p, q, u, v)

    def squared(x):
        return float((((p + x[0] * (q - p)) - (u + x[1] * (v - u))) ** 2).sum())

    assert apart == pytest.approx(squared([s, t]), abs=1e-9)
    starts = [[a, b] for a in (0.1, 0.9) for b in (0.1, 0.9)]
    best = min(minimize(squared, start, bounds=[(0, 1)] * 2).fun for start in starts)
    assert apart <= best + 1e-7


def test_places_on_surfaces_lie_a_radius_off_the_axis_and_their_distance_is_told():
    found = gap_junctions(grown(np.random.default_rng(4), range(6), box=6.0), gap_um=0.4)
    place = {
        (side, kind): found[[f"{side}_{kind}_{axis}" for axis in "xyz"]].to_numpy(dtype=float)
        for side in ("efferent", "afferent")
        for kind in ("center", "surface")
    }
    axes = np.sqrt(((place["efferent", "center"] - place["afferent", "center"]) ** 2).sum(axis=1))
    radii = [
        np.sqrt(((place[side, "center"] - place[side, "surface"]) ** 2).sum(axis=1))
        for side in ("efferent", "afferent")
    ]
    np.testing.assert_allclose(found["spine_length"], (axes - sum(radii)).clip(min=0), atol=1e-4)
    assert found["spine_length"].between(0, 0.4).all()
    assert found["spine_length"].max() > 0.01


def test_cells_apart_have_no_junctions_but_all_columns():
    cells = grown(np.random.default_rng(4), [0])
    found = gap_junctions(cells)
    assert len(found) == 0
    assert {"pre", "post", "efferent_section_id", "afferent_center_z"} <= set(found)
    assert len(gap_junctions([])) == 0


def test_wrong_input_is_refused():
    cells = grown(np.random.default_rng(4), [3, 3])
    with pytest.raises(CircuitError, match="astrocyte 3 stands twice"):
        gap_junctions(cells)
    with pytest.raises(OptionError, match=r"gap_junctions.gap_um: -1"):
        gap_junctions([], gap_um=-1.0)
