"""Recordings as they come: refused with a clear error, mended, binned."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from conntap import infer
from conntap.activity import Spikes, Traces
from conntap.activity.lazy import Part
from conntap.errors import ActivityError, OptionError
from conntap.infer.recordings import binned, checked, checked_pieces, mended

NAN = np.nan


def traces(*columns, dt_ms=20.0, **options):
    return Traces(np.array(columns, dtype=float).T, dt_ms=dt_ms, **options)


def lazy(given):
    return Traces(Part(given.values, 0, given.n_steps), dt_ms=given.dt_ms, ids=given.ids)


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (
            traces([1, 2, 3], [1, NAN, 2], [1, np.inf, 2], ids=["a", "b", "c"]),
            "2 of 3 nodes .* b, c. Apply infer.mended",
        ),
        (traces([1, 2]), "2 steps of 1 nodes; at least 3"),
        (Spikes([0, 1], [0.0, 0.0]), "no duration"),
        (Spikes([0] * 50, np.linspace(0, 10, 50), duration_ms=10, ids=1), "look like seconds"),
    ],
)
def test_what_nothing_can_be_inferred_from_is_refused(recording, message):
    with pytest.raises(ActivityError, match=f"here: .*{message}"):
        checked(recording, "here")


def test_pieces_are_checked_while_they_are_read():
    recording = traces([1, 2, 3, NAN])
    read = checked_pieces(recording, "here", 2)
    assert next(read).ravel().tolist() == [1, 2]
    with pytest.raises(ActivityError, match="1 of 1 nodes"):
        next(read)


def test_dead_nodes_pass():
    checked(traces([1, 1, 1], [1e14, 1e14, 1e14]), "here")
    checked(Spikes([0], [3.0], duration_ms=100, ids=2), "here")


# -- mending -------------------------------------------------------------------------------------------------


def test_short_gaps_are_lines_long_ones_the_mean_and_ends_are_held():
    column = [NAN, 2, NAN, NAN, 5, NAN, NAN, NAN, 5, 4, 3, 5, 4, NAN]
    fixed = mended(traces(column), longest_gap_ms=40).to_numpy()[:, 0]
    assert fixed.tolist() == [2, 2, 3, 4, 5, 4, 4, 4, 5, 4, 3, 5, 4, 4]


def test_dead_nodes_become_silent_or_are_left_out():
    recording = traces(
        [1, 2, 3], [7, 7, 7], [NAN, NAN, 1], nodes=pd.DataFrame({"x": [0.0, 1, 2]}, index=["a", "b", "c"])
    )
    assert mended(recording).to_numpy().T.tolist() == [[1, 2, 3], [0, 0, 0], [0, 0, 0]]
    dropped = mended(recording, dead="drop")
    assert dropped.ids.tolist() == ["a"]
    assert dropped.nodes["x"].tolist() == [0.0]


def test_of_equal_nodes_the_first_stays():
    recording = traces([1, 2, 3], [3, 2, 1], [1, 2, 3], [1, NAN, 3], [1, NAN, 3])
    assert mended(recording).to_numpy().T.tolist() == [[1, 2, 3], [3, 2, 1], [0, 0, 0], [1, 2, 3], [0, 0, 0]]
    assert mended(recording, duplicated="drop").ids.tolist() == [0, 1, 3]
    assert mended(recording, duplicated="keep").n_nodes == 5


def test_sound_traces_stay_as_they_are_and_the_input_is_untouched():
    values = np.array([[1, 2], [4, NAN], [9, 3.0]])
    recording = Traces(values, dt_ms=5, ids=["a", "b"], start_ms=7, unit="dF/F")
    fixed = mended(recording)
    assert np.isnan(values[1, 1])
    assert (fixed.start_ms, fixed.unit, fixed.ids.tolist()) == (7, "dF/F", ["a", "b"])
    assert fixed.to_numpy()[:, 0].tolist() == [1, 4, 9]


values = arrays.arrays(
    float, st.tuples(st.integers(3, 40), st.integers(1, 4)), elements=st.sampled_from([NAN, 0, 1, 2, 5])
)


@settings(max_examples=60)
@given(values=values, steps=st.integers(1, 50))
def test_any_pieces_give_the_same_and_pandas_agrees(values, steps):
    recording = Traces(values, dt_ms=1)
    if (
        (np.isfinite(values).sum(axis=0) * 2 < len(values)) | (np.nanmax(np.nan_to_num(values, nan=-9), 0) == -9)
    ).any():
        return
    whole = mended(recording, dead="zero", duplicated="keep", longest_gap_ms=1e6).to_numpy()
    pieces = mended(lazy(recording), dead="zero", duplicated="keep", longest_gap_ms=1e6).pieces(steps)
    assert np.array_equal(np.concatenate(list(pieces)), whole)
    expected = pd.DataFrame(values).interpolate(limit_direction="both").to_numpy()
    alive = np.nanmax(values, axis=0) > np.nanmin(values, axis=0)
    assert np.allclose(whole[:, alive], expected[:, alive])


def test_a_survey_does_not_depend_on_where_pieces_end():
    rng = np.random.default_rng(1)
    held = rng.normal(size=(200, 6))
    held[rng.random(held.shape) < 0.3] = NAN
    held[:, 5] = held[:, 0]
    from conntap.infer._gaps import survey

    one = survey([held], 6)
    for steps in (1, 7, 64):
        other = survey([held[a : a + steps] for a in range(0, 200, steps)], 6)
        assert np.array_equal(one.prints, other.prints)
        assert all(
            np.array_equal(a, b, equal_nan=True) for a, b in zip(vars(one.gaps).values(), vars(other.gaps).values())
        )
    assert one.prints[5] == one.prints[0]
    assert len(set(one.prints.tolist())) == 5


def test_wrong_options_of_mending_are_refused():
    with pytest.raises(OptionError, match="longest_gap_ms: -1"):
        mended(traces([1, 2, 3]), longest_gap_ms=-1)
    with pytest.raises(OptionError, match="Did you mean 'drop'"):
        mended(traces([1, 2, 3]), dead="dropp")
    with pytest.raises(ActivityError, match="all 2 nodes are dead"):
        mended(traces([1, 1, 1], [NAN] * 3), dead="drop")


# -- bins ----------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 100)), max_size=30), st.floats(0.5, 150))
def test_bins_in_pieces_are_the_counts_of_spikes(pairs, bin_ms):
    from conntap.infer.recordings import Counted

    spikes = Spikes([n for n, _ in pairs], [5 + t for _, t in pairs], duration_ms=100, ids=4, start_ms=5)
    counted = binned(spikes, bin_ms=bin_ms)
    assert np.array_equal(counted.to_numpy(), spikes.counts(bin_ms))
    lazily = Traces(Counted(spikes, bin_ms), dt_ms=bin_ms)
    assert np.array_equal(np.concatenate(list(lazily.pieces(3))), spikes.counts(bin_ms))


def test_bins_keep_ids_nodes_and_start():
    spikes = Spikes([5], [11.0], duration_ms=20, start_ms=10, nodes=pd.DataFrame({"x": [1.0, 2.0]}, index=[5, 9]))
    counted = binned(spikes, bin_ms=10)
    assert (counted.start_ms, counted.dt_ms, counted.unit) == (10, 10, "spikes")
    assert counted.nodes.equals(spikes.nodes)
    with pytest.raises(OptionError, match="positive width"):
        binned(spikes, bin_ms=0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("size", "kind"), [(1e300, np.float64), (1e30, np.float32)])
def test_values_that_overflow_are_refused_by_their_size(size, kind):
    values = np.random.default_rng(0).normal(size=(200, 4)).astype(kind)
    values[0, 0] = np.nan
    values[:, 2] *= kind(size)
    huge = Traces(values, dt_ms=20)
    for function in (infer.describe_recording, infer.describe_nodes, infer.auto):
        with pytest.raises(ActivityError, match=r"values up to \d.*of 1 of 4 nodes: 2; beyond 1e\+15.*scale them"):
            function(huge)
    whole = np.where(np.isfinite(values), values, 0) / kind(size) * kind(1e14)
    assert infer.describe_recording(Traces(whole, dt_ms=20))["dead"] == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("size", "kind"), [(1e-200, np.float64), (1e-30, np.float32), (1e300, np.float64), (1e20, np.float32)]
)
def test_every_method_refuses_values_whose_squares_overflow_or_vanish(size, kind):
    values = (np.random.default_rng(0).normal(size=(400, 4)) * size).astype(kind)
    names = ("auto", "challenge", "deconvolved", "describe_recording", "lag_mixture", "lagged_correlation", "pearson")
    names += ("partial_correlation", "regression", "transfer_entropy", "windowed_partial", "kinetics")
    told = (
        r"no value is larger than \d.*below 1e-18" if size < 1 else r"values up to \d.*of 4 of 4 nodes.*beyond 1e\+15"
    )
    for name in names:
        with pytest.raises(ActivityError, match=told):
            getattr(infer, name)(Traces(values, dt_ms=20))


@pytest.mark.parametrize("size", [1e-12, 1e9])
def test_the_unit_of_values_changes_no_score(size):
    values = np.random.default_rng(0).normal(size=(400, 4))
    found, scaled = (infer.pearson(Traces(each, dt_ms=20)).properties["score"] for each in (values, values * size))
    assert np.allclose(found, scaled)
