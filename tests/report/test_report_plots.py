"""Figures: one for whatever values, true to them, and the same each time."""

import xml.etree.ElementTree as ET

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.figure import Figure
from scipy import sparse, stats

from conntap.analyze import motifs
from conntap.circuits import Connectome
from conntap.report import plots
from conntap.report.drawing import COLOURS, INKS, label, tick, wants_log
from conntap.report.glyphs import MOTIFS, TRIADS
from conntap.report.pictures import _density, _means
from conntap.report.spreads import _survival
from conntap.report.svg import svg

RNG = np.random.default_rng(3)
HUGE = RNG.lognormal(3, 3, 200_000)
NAN = np.array([1.0, np.nan, np.inf, 4.0])


def frame(values):
    return pd.DataFrame(np.atleast_2d(np.asarray(values, dtype=float)))


CASES = {
    "profile": [
        lambda: plots.profile(frame(RNG.poisson(50, (5, 6))), {"er": frame(RNG.poisson(40, (9, 6)))}, title="few"),
        lambda: plots.profile(pd.DataFrame()),
        lambda: plots.profile(frame([3.0])),
        lambda: plots.profile(frame(NAN), {"er": frame(np.full((3, 4), np.nan)), "none": pd.DataFrame()}),
        lambda: plots.profile(frame(HUGE.reshape(5000, 40)), {"er": frame(HUGE.reshape(5000, 40))}),
        lambda: plots.profile(
            pd.DataFrame([[1, 2]], columns=["a→b", "<b>"]), {"er": pd.DataFrame([[1]], columns=["c"])}
        ),
    ],
    "intervals": [
        lambda: plots.intervals({"a": 1.0, "b": 2.0}, {"er": {"a": [0.5, 1.5], "b": [2.0]}}),
        lambda: plots.intervals({}),
        lambda: plots.intervals({"a": 1.0}),
        lambda: plots.intervals({"a": np.nan}, {"er": {"a": NAN}}),
        lambda: plots.intervals({str(n): HUGE[n] for n in range(60)}, {"er": {str(n): HUGE[:2000] for n in range(60)}}),
    ],
    "against": [
        lambda: plots.against({"er": frame(RNG.normal(0, 3, (8, 5))), "deg": frame(RNG.normal(90, 3, (8, 5)))}),
        lambda: plots.against({}),
        lambda: plots.against({"er": frame([1.0])}, reference=1),
        lambda: plots.against({"er": frame(NAN)}),
        lambda: plots.against({"er": frame(HUGE.reshape(5000, 40))}, reference=1),
    ],
    "distribution": [
        lambda: plots.distribution({"a": RNG.normal(0, 1, 90), "b": RNG.normal(1, 1, 50)}),
        lambda: plots.distribution({}),
        lambda: plots.distribution({"a": [2.5]}),
        lambda: plots.distribution({"a": NAN, "b": [np.nan]}),
        lambda: plots.distribution({"a": HUGE}),
        lambda: plots.distribution({"a": [-1e308, 1e308]}),
    ],
    "tail": [
        lambda: plots.tail({"original": [RNG.poisson(5, 80) for _ in range(4)], "er": [RNG.poisson(5, 80)]}),
        lambda: plots.tail({}),
        lambda: plots.tail({"original": [[4]]}),
        lambda: plots.tail({"original": [NAN, []], "er": []}),
        lambda: plots.tail({"original": [HUGE]}),
        lambda: plots.tail({"original": [[0, 0]]}),
    ],
    "shares": [
        lambda: plots.shares(pd.DataFrame({"EXC": [8, 9], "INH": [2, 1]})),
        lambda: plots.shares(pd.DataFrame()),
        lambda: plots.shares(pd.DataFrame({"EXC": [8]})),
        lambda: plots.shares(pd.DataFrame({"EXC": [np.nan, 0], "INH": [1, 0]})),
        lambda: plots.shares(pd.DataFrame(RNG.integers(0, 9, (3000, 300)))),
    ],
    "positions": [
        lambda: plots.positions([0, 1, 2], [3, 4, 9], ["a", "b", None]),
        lambda: plots.positions([], []),
        lambda: plots.positions([1.0], [2.0]),
        lambda: plots.positions(NAN, NAN),
        lambda: plots.positions(HUGE, HUGE[::-1], RNG.choice(["a", "b"], len(HUGE))),
    ],
    "adjacency": [
        lambda: plots.adjacency(np.tri(9), order=np.arange(9)[::-1], groups=list("aaabbbccc")),
        lambda: plots.adjacency(sparse.csr_array((0, 0))),
        lambda: plots.adjacency(np.ones((1, 1))),
        lambda: plots.adjacency(np.array([[np.nan, 0], [1, 0]])),
        lambda: plots.adjacency(sparse.random_array((50_000, 20_000), density=1e-4, rng=np.random.default_rng(0))),
    ],
    "heatmap": [
        lambda: plots.heatmap(RNG.normal(0, 1, (6, 9))),
        lambda: plots.heatmap(np.zeros((0, 4))),
        lambda: plots.heatmap([[7.0]]),
        lambda: plots.heatmap([[np.nan, np.inf], [1, -1]]),
        lambda: plots.heatmap(RNG.random((900, 1100))),
        lambda: plots.heatmap(np.zeros((3, 3))),
        lambda: plots.heatmap(np.eye(30), rows=range(30), columns=[f"kind {n}" for n in range(30)]),
    ],
    "curves": [
        lambda: plots.curves({"e": pd.Series([9, 4, 1]), "i": pd.Series([7, 2], [0, 1])}),
        lambda: plots.curves({}),
        lambda: plots.curves({"e": pd.Series([np.nan])}),
        lambda: plots.curves({"probability": pd.Series([0.2, 0.1], [25.0, 75.0])}, bare=["probability"]),
        lambda: plots.curves({str(n): pd.Series(HUGE[:400]) for n in range(12)}),
        lambda: plots.curves({"value": pd.Series([1.0, 2.0], ["021D", "030T"])}),
    ],
    "raster": [
        lambda: plots.raster([1.0, 2.0], [0, 1]),
        lambda: plots.raster([], []),
        lambda: plots.raster([5.0], ["AVA"]),
        lambda: plots.raster(NAN, [0, 1, 2, 3]),
        lambda: plots.raster(np.sort(HUGE), np.arange(len(HUGE)) % 500),
    ],
}


@pytest.mark.parametrize(
    "draw", [pytest.param(draw, id=f"{name}-{n}") for name, draws in CASES.items() for n, draw in enumerate(draws)]
)
def test_every_input_gives_a_figure_of_bounded_size_that_is_xml(draw):
    figure = draw()
    text = svg(figure, title="<&>", prefix="p")
    assert isinstance(figure, Figure)
    assert len(text) < 200_000
    ET.fromstring(text)


@pytest.mark.parametrize(("what", "entries"), [("motif", range(1, 14)), ("triad", ["003", "030T", "300"])])
def test_classes_of_triads_are_drawn_under_the_axis(what, entries):
    figure = plots.profile(frame([range(len(entries))]).set_axis(list(entries), axis=1), x_label=what)
    assert len(figure.axes[0].artists) == len(entries)
    other = plots.profile(frame([range(len(entries))]).set_axis(list(entries), axis=1), x_label="dimension")
    assert not other.axes[0].artists


def test_scores_at_the_ends_of_a_wide_axis_are_within_it():
    axes = plots.against({"er": frame([[3.0, 1.0, 2.0]]).set_axis([25.0, 75.0, 125.0], axis=1)}).axes[0]
    assert axes.get_xlim() == (-5.0, 155.0)


def test_the_drawn_classes_are_those_of_networkx():
    for name, pairs in TRIADS.items():
        graph = nx.DiGraph([tuple(pair) for pair in pairs])
        graph.add_nodes_from("abc")
        assert nx.triad_type(graph) == name


def test_the_motifs_are_numbered_as_the_measure_numbers_them():
    table = motifs(Connectome(3, [0], [1]))
    assert tuple(table["triad"]) == MOTIFS


def test_every_public_figure_is_among_the_cases():
    assert set(CASES) == set(plots.__all__)


def test_the_same_figure_gives_the_same_text():
    assert svg(make(), title="t", prefix="p") == svg(make(), title="t", prefix="p")


def make():
    return plots.profile(frame([[1, 2000, 3]]), {"er": frame([[1, 2, 3], [2, 3, 4]])}, title="same")


def test_ids_bear_the_prefix_so_that_figures_share_a_page():
    text = svg(make(), title="t", prefix="s1f2")
    ids = [element.get("id") for element in ET.fromstring(text).iter() if element.get("id")]
    assert ids
    assert all(name.startswith("s1f2-") for name in ids)


def test_colours_come_from_the_page():
    text = svg(make(), title="t", prefix="p")
    assert "var(--c0)" in text
    assert "var(--c1)" in text
    assert "var(--muted)" in text
    assert not [light for light, _ in (COLOURS | INKS).values() if light in text]


def test_drawing_leaves_the_input_untouched():
    originals, controls = frame([[1, np.inf], [np.nan, 4]]), {"er": frame([[1, np.nan]])}
    before = originals.copy(), controls["er"].copy()
    plots.profile(originals, controls)
    pd.testing.assert_frame_equal(originals, before[0])
    pd.testing.assert_frame_equal(controls["er"], before[1])


def test_a_profile_of_one_case_draws_the_mean_the_deviation_and_the_range_of_its_control():
    figure = plots.profile(frame([[5, 6]]), {"er": frame([[1, 2], [3, 6]])})
    lines = [line.get_ydata().tolist() for line in figure.axes[0].lines]
    assert lines == [[2.0, 4.0], [5.0, 6.0]]
    spans = [sorted(set(np.round(band.get_paths()[0].vertices[:, 1], 6))) for band in figure.axes[0].collections]
    assert spans[0] == [1, 2, 3, 6]
    assert spans[1] == pytest.approx([2 - 2**0.5, 4 - 8**0.5, 2 + 2**0.5, 4 + 8**0.5])


def test_a_profile_of_many_cases_draws_their_median():
    table = frame(RNG.normal(0, 1, (200, 3)))
    line = plots.profile(table).axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), table.median())


@settings(deadline=None, max_examples=30)
@given(arrays.arrays(int, st.integers(1, 60), elements=st.integers(0, 30)))
def test_the_tail_is_the_survival_function_of_scipy(values):
    x, share = _survival(values.astype(float))
    expected = stats.ecdf(values).sf.evaluate(x - 0.5)
    np.testing.assert_allclose(share, expected)


@settings(deadline=None, max_examples=30)
@given(arrays.arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30))), st.integers(1, 12))
def test_binned_density_keeps_the_number_of_connections(matrix, most):
    density = _density(matrix, None, most)
    rows, columns = (np.bincount(np.arange(n) * len_ // n) for n, len_ in zip(matrix.shape, density.shape))
    assert (density * np.outer(rows, columns)).sum() == pytest.approx(matrix.sum())
    assert density.max(initial=0) <= 1


def test_a_matrix_that_fits_is_shown_entry_by_entry_in_the_order_asked_for():
    matrix = np.array([[0, 5, 0], [0, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(_density(matrix, [2, 0, 1], 128), (matrix[[2, 0, 1]][:, [2, 0, 1]] != 0))


def test_heat_maps_of_dense_and_sparse_matrices_agree():
    matrix = RNG.poisson(0.3, (300, 200)).astype(float)
    dense, sparse_one = _means(matrix, 50)[0], _means(sparse.csr_array(matrix), 50)[0]
    np.testing.assert_allclose(dense, sparse_one)
    np.testing.assert_allclose(dense, matrix.reshape(50, 6, 50, 4).mean(axis=(1, 3)))


def luminance(hexadecimal):
    parts = np.array([int(hexadecimal[n : n + 2], 16) for n in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("name", [*COLOURS, "ink", "muted"])
def test_every_colour_stands_out_from_light_and_dark_paper(name):
    for mode in (0, 1):
        pair = sorted(luminance(INKS[each][mode] if each in INKS else COLOURS[each][mode]) for each in (name, "paper"))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= (4.5 if name in INKS else 3)


def test_the_first_three_colours_differ_for_the_colour_blind():
    # Machado, Oliveira, Fernandes, 2009, doi:10.1109/TVCG.2009.113: protanopia and deuteranopia, severity 1.
    protan = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    deutan = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    for mode in (0, 1):
        for matrix in (protan, deutan):
            seen = [np.array(matrix) @ channels(COLOURS[name][mode]) for name in ("c0", "c1", "c2")]
            apart = [np.linalg.norm(seen[i] - seen[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
            assert min(apart) > 0.15


def channels(hexadecimal):
    return np.array([int(hexadecimal[n : n + 2], 16) for n in (1, 3, 5)]) / 255


@given(st.text(max_size=90), st.integers(5, 40))
def test_a_label_is_one_short_line(text, most):
    made = label(text, most)
    assert len(made) <= most
    assert "\n" not in made
    made.encode()


@given(st.floats(-1e300, 1e300, allow_subnormal=False).filter(lambda v: v == 0 or abs(v) > 1e-290))
def test_a_tick_reads_back_as_its_number(value):
    back = str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")
    text = tick(value).translate(back).replace(",", "")
    text = (
        text.replace("×10", "e")
        if "×" in text
        else f"1e{text[2:]}"
        if "10" in tick(value)[:2] and _is_power(tick(value))
        else text
    )
    assert float(text) == pytest.approx(value, rel=6e-3)


def _is_power(text):
    return text.startswith("10") and len(text) > 2 and text[2] in "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"


def test_only_wide_numbers_without_negatives_ask_for_a_logarithmic_axis():
    assert wants_log([0, 1, 500])
    assert not wants_log([0.0, 0.01, 0.9])
    assert not wants_log([-1, 1000])
    assert not wants_log([])


def test_a_raster_of_minutes_tells_time_in_seconds():
    axes = plots.raster([1_750_000.0, 1_800_000.0], [0, 1]).axes[0]
    assert axes.get_xlabel() == "time (s)"
    assert axes.get_xlim()[1] < 2000
    assert plots.raster([5.0, 900.0], [0, 1]).axes[0].get_xlabel() == "time (ms)"
