"""What a hexagonal eye sees: columns, edges that move, flashes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.train.hexagonal import Eye, flashes, moving_edges, moving_patterns, positions

# The six neighbours of a column.
AROUND = [(1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1)]


def eye(radius=2, role="input"):
    """A connectome of one cell in each column of a hexagon."""
    wide = range(-radius, radius + 1)
    columns = [(u, v) for u in wide for v in wide if abs(u + v) <= radius]
    nodes = pd.DataFrame(columns, columns=["u", "v"]).assign(role=role)
    return Connectome(nodes, [0], [1])


@given(st.integers(-20, 20), st.integers(-20, 20))
def test_the_six_neighbours_of_a_column_stand_at_distance_one_every_sixty_degrees(u, v):
    here = positions(u, v)
    there = np.array([positions(u + du, v + dv) - here for du, dv in AROUND])
    np.testing.assert_allclose(np.hypot(*there.T), 1)
    angles = np.sort(np.degrees(np.arctan2(there[:, 1], there[:, 0])) % 360)
    np.testing.assert_allclose(np.diff(angles), 60)


def test_an_edge_to_the_right_reaches_columns_in_the_order_of_x_and_its_light_stays():
    connectome = eye()
    task = moving_edges(
        connectome, n=None, directions=2, speeds=(10.0,), polarities=("on",), rng=np.random.default_rng(1)
    )
    x = positions(connectome.nodes["u"], connectome.nodes["v"])[:, 0]
    for row, way in ((0, 1), (1, -1)):
        seen = task.inputs[row]
        assert (np.diff(seen, axis=0) >= 0).all()
        assert seen[0].tolist() == [0.5] * len(x)
        assert seen[-1].tolist() == [1.0] * len(x)
        half = np.argmax(seen >= 0.75, axis=0)
        # 10 columns a second: 0.2 of a column each step of 20 ms
        slope = np.polyfit(way * x, half, 1)[0]
        assert slope == pytest.approx(5.0, abs=0.3)


def test_a_dark_edge_is_the_mirror_image_of_a_bright_one_in_grey():
    task = moving_edges(eye(), n=None, speeds=(20.0,), rng=np.random.default_rng(1))
    bright, dark = (task.inputs[(task.samples["polarity"] == name).to_numpy()] for name in ("on", "off"))
    np.testing.assert_allclose(bright - 0.5, 0.5 - dark, atol=1e-6)


def test_contrast_scales_what_is_seen():
    task = moving_edges(
        eye(), n=None, speeds=(20.0,), polarities=("on",), contrasts=(0.5, 1.0), rng=np.random.default_rng(1)
    )
    half, full = (task.inputs[(task.samples["contrast"] == value).to_numpy()] for value in (0.5, 1.0))
    np.testing.assert_allclose(2 * (half - 0.5), full - 0.5, atol=1e-6)


@settings(max_examples=15)
@given(st.integers(1, 3), st.sampled_from([2, 3, 6]), st.sampled_from(["on", "off"]))
def test_the_light_on_the_whole_eye_tells_nothing_of_six_directions(radius, directions, polarity):
    task = moving_edges(
        eye(radius), n=None, directions=directions, speeds=(25.0,), polarities=(polarity,), rng=np.random.default_rng(1)
    )
    course = task.inputs.mean(axis=2)
    np.testing.assert_allclose(course, np.broadcast_to(course[0], course.shape), atol=1e-5)


def test_only_cells_that_see_are_channels_in_the_order_of_nodes():
    connectome = eye(1)
    nodes = connectome.nodes.assign(role=["input", "output"] * 3 + ["input"])
    task = moving_edges(connectome.with_nodes(nodes), n=None, rng=np.random.default_rng(1))
    every = moving_edges(connectome, n=None, rng=np.random.default_rng(1))
    assert task.n_in == 4
    np.testing.assert_array_equal(task.inputs[:, -1], every.inputs[:, -1, ::2])


def test_samples_hold_as_many_of_each_combination_and_no_two_begin_alike():
    task = moving_edges(eye(), n=64, rng=np.random.default_rng(1))
    assert task.samples.value_counts(["direction", "polarity", "speed"]).tolist() == [4] * 16
    assert len(set(task.fingerprints().tolist())) == 64
    assert task.samples["angle"].tolist() == (task.samples["direction"] * 90.0).tolist()


def test_a_flash_is_a_disc_about_the_middle_column():
    connectome = eye(2)
    task = flashes(connectome, radius=1.0, contrasts=(0.5,), flash_ms=40.0, after_ms=20.0)
    assert task.samples["polarity"].tolist() == ["off", "on"]
    assert task.inputs.shape == (2, 4, 19)
    bright = task.inputs[1]
    assert (bright[1:3] == 0.75).sum(axis=1).tolist() == [7, 7]
    assert (bright[[0, 3]] == 0.5).all()
    assert task.targets[:, -1].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n": 0}, "moving_edges.n"),
        ({"directions": 1}, "moving_edges.directions"),
        ({"speeds": ()}, "moving_edges.speeds"),
        ({"speeds": (-1.0,)}, "moving_edges.speeds"),
        ({"polarities": ("onn",)}, "unknown polarity 'onn'"),
        ({"polarities": ()}, "moving_edges.polarities: none"),
        ({"contrasts": (0.0,)}, "moving_edges.contrasts: 0"),
        ({"contrasts": (1.5,)}, "moving_edges.contrasts: 1.5"),
        ({"eye": {"dt": 3}}, "moving_edges.eye: unknown option 'dt'"),
        ({"eye": {"dt_ms": 0.0}}, "moving_edges.eye.dt_ms"),
        ({"eye": {"inputs": "role == 'nothing'"}}, "no node sees"),
        ({"eye": {"u": "column"}}, "unknown node property 'column'"),
    ],
)
def test_options_out_of_range_are_told(options, told):
    with pytest.raises(OptionError, match=told.replace("(", r"\(")):
        moving_edges(eye(), **options, rng=np.random.default_rng(1))


@pytest.mark.parametrize(
    ("options", "told"),
    [({"radius": -1.0}, "flashes.radius"), ({"classes": 1}, "flashes.classes"), ({"flash_ms": np.nan}, "flash_ms")],
)
def test_flashes_out_of_range_are_told(options, told):
    with pytest.raises(OptionError, match=told):
        flashes(eye(), **options)


def test_cells_without_a_column_are_told():
    connectome = eye(1)
    nodes = connectome.nodes.assign(u=[np.nan] + [0.0] * 6)
    with pytest.raises(OptionError, match="1 nodes that see have no column"):
        moving_edges(connectome.with_nodes(nodes), eye=Eye(), rng=np.random.default_rng(1))


def test_noise_comes_after_the_rest_with_the_spread_asked_for():
    given = {"n": 40, "speeds": (20.0,)}
    plain = moving_edges(eye(), **given, rng=np.random.default_rng(1))
    noisy = moving_edges(eye(), **given, eye={"noise": 0.1}, rng=np.random.default_rng(1))
    apart = noisy.inputs - plain.inputs
    assert (apart[:, 0] == 0).all()
    assert apart[:, 1:].std() == pytest.approx(0.1, rel=0.05)


def test_a_pattern_moves_as_far_as_its_speed_says_and_keeps_its_form():
    connectome = eye(4)
    options = {"n": 12, "directions": 12, "speeds": (25.0,), "eye": {"dt_ms": 40.0}}
    task = moving_patterns(connectome, **options, rng=np.random.default_rng(1))
    xy = positions(connectome.nodes["u"], connectome.nodes["v"])
    checked = 0
    for row, angle in enumerate(np.radians(task.samples["angle"])):
        way = np.array([np.cos(angle), np.sin(angle)])  # one column a step
        here, there = np.nonzero(np.hypot(*(xy[:, None] + way - xy[None]).transpose(2, 0, 1)) < 1e-6)
        np.testing.assert_allclose(task.inputs[row, 2:, there], task.inputs[row, 1:-1, here], atol=1e-5)
        checked += len(here) > 40
    assert checked == 6


def test_patterns_of_two_samples_differ_and_their_light_tells_no_direction():
    task = moving_patterns(eye(4), n=400, directions=2, rng=np.random.default_rng(1))
    assert len(set(task.fingerprints().tolist())) == 400
    courses = task.inputs[:, 1:].mean(axis=2)
    right = task.samples["direction"].to_numpy() == 0
    assert abs(courses[right].mean() - courses[~right].mean()) < 0.02
    assert (task.inputs[:, 0] == 0.5).all()
    assert 0 <= task.inputs.min() <= task.inputs.max() <= 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n": 0}, "moving_patterns.n"),
        ({"contrast": 0.0}, "moving_patterns.contrasts: 0"),
        ({"speeds": (0.0,)}, "moving_patterns.speeds"),
        ({"moving_ms": 0.0}, "moving_patterns.moving_ms"),
        ({"directions": 1}, "moving_patterns.directions"),
    ],
)
def test_patterns_out_of_range_are_told(options, told):
    with pytest.raises(OptionError, match=told):
        moving_patterns(eye(), **options, rng=np.random.default_rng(1))
