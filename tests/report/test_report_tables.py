"""Words, tables and the choice of cases."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_samples import stage

from conntap.report.cases import chosen, facets, telling, units
from conntap.report.glyphs import TRIADS, pictogram
from conntap.report.kinds import kind, size
from conntap.report.tables import quantiles, table
from conntap.report.wording import column, number, short

_NAMES = st.sampled_from(["a", "b", "c"])


def cases(rows):
    return pd.DataFrame(rows, columns=["subtarget", "slice", "control", "draw"])


@st.composite
def some_cases(draw):
    names = draw(st.lists(st.tuples(_NAMES, _NAMES), min_size=1, max_size=9, unique=True))
    draws = draw(st.integers(0, 4))
    return cases([(*name, "er" if n else "original", n - 1) for name in names for n in range(draws + 1)])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-1234.5678, "−1,235"),
        (0.5, "0.5"),
        (1e-9, "10⁻⁹"),
        (10**20, "10²⁰"),
        (np.inf, "∞"),
        (None, "–"),
        (pd.NA, "–"),
    ],
)
def test_numbers_read_well(value, text):
    assert number(value) == text


@given(st.floats(1e-4, 9.9e6))
def test_a_number_keeps_four_digits(value):
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=5.1e-4)


def test_a_column_lines_up_and_tells_small_from_zero():
    assert column(pd.Series([3541.25, 3.6, np.nan])) == ["3,541", "3.60", "–"]
    assert column(pd.Series([0.1, 0.25])) == ["0.10", "0.25"]
    assert column(pd.Series([1e-12, 5e-3])) == ["10⁻¹²", "0.005"]
    assert column(pd.Series([-0.038, 20.87, 0.0])) == ["−0.038", "20.87", "0"]


def test_a_long_table_shows_its_first_rows_and_says_how_many_there_are():
    made = table(pd.DataFrame({"id": range(1000, 1600), "n": range(600)}), caption="c")
    assert made.note == "Showing 20 of 600 rows."
    assert len(made.rows) == 20
    assert made.rows[0] == ("1000", "0")
    assert made.numeric == (True, True)


def test_quantiles_are_those_of_numpy_and_leave_nan_out():
    values = np.random.default_rng(0).normal(0, 1, 300)
    made = quantiles(pd.DataFrame({"x": [*values, np.nan, np.inf], "word": "a"}), caption="c")
    assert [row[0] for row in made.rows] == ["x"]
    assert made.rows[0][1] == "300"
    assert made.rows[0][5] == number(float(np.median(values)))
    assert quantiles(pd.DataFrame({"word": ["a"]}), caption="c") is None


@settings(deadline=None, max_examples=40)
@given(some_cases(), st.integers(1, 30))
def test_chosen_cases_are_whole_originals_with_their_draws(made, most):
    rows = chosen(made, most)
    assert np.array_equal(rows, np.unique(rows))
    assert 0 < len(rows) <= max(2, 2 * most)
    each = np.bincount(units(made))[0]
    if each <= most:
        counts = np.bincount(units(made)[rows])
        assert set(counts[counts > 0]) == {each}


@settings(deadline=None, max_examples=40)
@given(some_cases(), st.integers(1, 8))
def test_every_case_stands_in_one_panel_and_none_mixes_slices(made, most):
    panels = facets(made, telling(made), most)
    assert sorted(row for _, rows in panels for row in rows) == list(range(len(made)))
    assert all(made["slice"].iloc[rows].nunique() == 1 for _, rows in panels)
    assert len(panels) <= max(most, made["slice"].nunique())


def test_a_column_that_repeats_another_tells_nothing():
    made = pd.DataFrame({"circuit": ["x", "x", "y"], "subtarget": ["a", "b", "c"], "seed": [1, 1, 1]})
    assert telling(made) == ["subtarget"]


def test_choosing_leaves_the_cases_untouched():
    made = cases([("a", "b", "original", -1), ("a", "b", "er", 0)])
    before = made.copy()
    chosen(made, 1), facets(made, telling(made)), units(made)
    pd.testing.assert_frame_equal(made, before)


def test_an_unknown_thing_is_put_in_words():
    class Odd:
        def __repr__(self):
            raise RuntimeError

    assert kind(Odd()) == "other"
    assert short(Odd()) == "Odd"
    assert size({"a": [np.zeros(4)]}) > 32


def test_rows_and_heads_of_triads_and_motifs_are_drawn():
    motifs = table(pd.DataFrame({"motif": [4, 13], "z": [1.5, 2.0]}), caption="")
    assert motifs.glyphs == {(0, 0): "030T", (1, 0): "300"}
    assert (motifs.rows[0][0], motifs.numeric) == ("4", (False, True))
    wide = table(pd.DataFrame({"subtarget": ["a"], "030C": [3]}), caption="", entries="triad")
    assert wide.glyphs == {(-1, 1): "030C"}
    spread = quantiles(pd.DataFrame({"er · 201": [1, 2], "er · rest": [3, 4]}), caption="", head="control · triad")
    assert spread.glyphs == {(0, 0): "201"}


def test_what_is_no_triad_is_not_drawn():
    frame = pd.DataFrame({"motif": [0, 14], "triad": ["012", "all"], "dimension": [1, 2]})
    assert table(frame, caption="", entries="dimension").glyphs == {}
    assert table(frame.iloc[:0], caption="").glyphs == {}


def test_a_drawing_has_an_arrow_a_connection():
    for name, connections in TRIADS.items():
        drawing = pictogram(name)
        assert drawing.count('z"') == len(connections)
        assert drawing.count("M") - drawing.count('z"') == len({frozenset(each) for each in connections})


def test_the_page_draws_the_motifs_of_a_comparison(write):
    cases = [({"control": name, "draw": n}, pd.Series([5, 2], pd.Index([1, 4], name="motif"), name="count") + n)
             for name, n in (("original", -1), ("er", 0), ("er", 1))]  # fmt: skip
    page = write(stage("motifs", cases))
    assert pictogram("021C") + "1</td>" in page
    assert pictogram("030T") + "4</td>" in page
