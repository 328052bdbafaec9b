"""To what cells are tuned: closed forms of synthetic responses, and networks wired by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntap import train
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.train.trained import Trained
from conntap.train.tuning import column_responses, direction_selectivity, flash_response_index

ANGLES = np.arange(8) * 45.0


def edges(tuning, *, polarity="on", name="T4a", speed=20.0):
    """Responses of a type: at rest, a rise to its peak, half of it."""
    rows = []
    for angle, peak in zip(ANGLES, tuning, strict=True):
        for step, share in enumerate((0.0, 1.0, 0.5)):
            rows.append((angle, polarity, speed, name, step, share * peak))
    return pd.DataFrame(rows, columns=["angle", "polarity", "speed", "type", "step", "mean"])


def flash(on, off, name="Mi1"):
    """Responses of a type to both flashes, given step by step."""
    rows = [("on", name, step, value) for step, value in enumerate(on)]
    rows += [("off", name, step, value) for step, value in enumerate(off)]
    return pd.DataFrame(rows, columns=["polarity", "type", "step", "mean"])


@given(st.floats(0, 1), st.floats(0.1, 5), st.sampled_from(ANGLES.tolist()))
def test_a_cosine_has_half_its_depth_as_index_and_its_top_as_direction(depth, size, top):
    tuning = size * (1 + depth * np.cos(np.radians(ANGLES - top)))
    found = direction_selectivity(edges(tuning)).iloc[0]
    assert found["direction_selectivity"] == pytest.approx(depth / 2, abs=1e-9)
    assert found["peak"] == pytest.approx(size)
    if depth > 1e-3:
        assert (found["preferred_direction"] - top + 180) % 360 == pytest.approx(180, abs=1e-5)


def test_one_direction_alone_has_index_one_and_none_has_zero_without_a_direction():
    alone = direction_selectivity(edges(np.eye(8)[3])).iloc[0]
    assert alone["direction_selectivity"] == pytest.approx(1)
    assert alone["preferred_direction"] == pytest.approx(135)
    for tuning in (np.ones(8), np.zeros(8), -np.arange(1.0, 9.0)):
        none = direction_selectivity(edges(tuning)).iloc[0]
        assert none["direction_selectivity"] == pytest.approx(0, abs=1e-12)
        assert np.isnan(none["preferred_direction"])


def test_the_weaker_polarity_is_measured_by_the_stronger_one():
    tuning = 1 + np.cos(np.radians(ANGLES))
    both = pd.concat([edges(tuning), edges(tuning / 4, polarity="off")])
    table = direction_selectivity(both).set_index("polarity")["direction_selectivity"]
    assert table.to_dict() == pytest.approx({"on": 0.5, "off": 0.125})


def test_speeds_are_averaged_over():
    tuning = 1 + np.cos(np.radians(ANGLES))
    both = pd.concat([edges(tuning), edges(np.ones(8), speed=40.0)])
    assert direction_selectivity(both)["direction_selectivity"].tolist() == pytest.approx([0.25])


def test_what_comes_before_the_edge_does_not_count():
    responses = edges(np.eye(8)[0])
    responses.loc[responses["step"] == 0, "mean"] = 9.0
    assert direction_selectivity(responses)["direction_selectivity"].tolist() == pytest.approx([1.0])


def test_flash_indices_by_hand():
    # L1: least value -1, so both rise by 1: peaks 0 + 1 and 3 + 1.
    table = flash_response_index(
        pd.concat([flash([0, -1], [0, 3], "L1"), flash([0, 2], [0, 0]), flash([0, 0], [0, 0], "Z")])
    )
    assert table.set_index("type")["flash_response_index"].to_dict() == pytest.approx(
        {"L1": -0.6, "Mi1": 1.0, "Z": 0.0}
    )


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6), st.lists(st.floats(-5, 5), min_size=2, max_size=6))
def test_flash_indices_lie_from_minus_one_to_one_and_change_sign_with_the_polarities(on, off):
    one = flash_response_index(flash(on, off))["flash_response_index"].iloc[0]
    other = flash_response_index(flash(off, on))["flash_response_index"].iloc[0]
    assert -1 - 1e-9 <= one <= 1 + 1e-9
    assert one == pytest.approx(-other)


@pytest.mark.parametrize(
    ("responses", "told"),
    [
        (edges(np.ones(8)).drop(columns="angle"), "unknown column 'angle'"),
        (edges(np.ones(8)).query("angle < 100"), "evenly around"),
        (edges(np.ones(8)).assign(mean=np.nan), "not finite"),
        (edges(np.ones(8)).iloc[:0], "no rows"),
    ],
)
def test_responses_that_tell_no_direction_are_refused(responses, told):
    with pytest.raises(OptionError, match=told):
        direction_selectivity(responses)


def test_a_flash_of_one_polarity_is_refused():
    with pytest.raises(OptionError, match="on and off"):
        flash_response_index(flash([0, 1], [0, 1]).query("polarity == 'on'"))


def test_inputs_are_left_as_they_were():
    responses = edges(np.ones(8))
    before = responses.copy()
    direction_selectivity(responses)
    pd.testing.assert_frame_equal(responses, before)


@pytest.fixture
def detector():
    """A line of photoreceptors, and a cell in the middle column that sees the left one late and inhibiting, the middle one at once."""
    pytest.importorskip("torch")
    u, v = [0, 0, 0, 0, 0], [-1, 0, 1, 0, 0]
    types = ["R1", "R1", "R1", "slow", "T4"]
    nodes = pd.DataFrame({"u": u, "v": v, "type": types, "role": ["input"] * 3 + ["inner", "output"]})
    # light moving left reaches +1 first: the slow cell follows it, and stops T4
    connectome = Connectome(nodes, [2, 3, 1], [3, 4, 4], properties={"weight": [1.0, -2.0, 1.0]})
    tau = {"R1": 20.0, "slow": 100.0, "T4": 20.0}
    network = {
        "kind": "visual",
        "weights": {"kind": "fixed"},
        "dynamics": {"dt_ms": 20.0, "tau_ms": tau, "nonlinearity_at": "pre", "bias_trained": "none"},
        "read": {"nodes": "role == 'output'"},
    }
    task = train.moving_edges(connectome, n=24, directions=2, polarities=("on",), rng=np.random.default_rng(1))
    return train.fit(connectome, task, network=network, epochs=1, rng=np.random.default_rng(1))


def test_a_detector_wired_by_hand_prefers_motion_from_where_it_is_not_inhibited(detector):
    task = train.moving_edges(
        detector.connectome, n=None, directions=2, polarities=("on",), rng=np.random.default_rng(1)
    )
    table = direction_selectivity(column_responses(detector, task)).set_index("type")
    assert table.loc["T4", "preferred_direction"] == pytest.approx(0)
    assert table.loc["T4", "direction_selectivity"] > 0.1
    assert table.loc["R1", "direction_selectivity"] == pytest.approx(0, abs=0.02)


def test_photoreceptors_answer_to_brightness(detector):
    task = train.flashes(detector.connectome, flash_ms=200.0)
    table = flash_response_index(column_responses(detector, task)).set_index("type")["flash_response_index"]
    assert table["R1"] == pytest.approx((1.0 - 0.5) / (1.0 + 0.5), abs=0.01)


def test_a_task_of_another_eye_is_refused(detector):
    nodes = detector.connectome.nodes.assign(role="input")
    task = train.flashes(Connectome(nodes, [0], [1]))
    with pytest.raises(OptionError, match="5 channels, but the network takes 3"):
        column_responses(detector, task)


def test_bad_choices_of_cells_are_told(detector):
    task = train.flashes(detector.connectome)
    with pytest.raises(OptionError, match="unknown property of nodes 'kind'"):
        column_responses(detector, task, by="kind")
    with pytest.raises(OptionError, match="no cell is chosen"):
        column_responses(detector, task, columns="u == 7")
    assert isinstance(detector, Trained)
