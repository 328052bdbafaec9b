"""What the page says is so: nothing missing is zero, nothing apart is pooled, nothing is drawn out of sight."""

import re

import numpy as np
import pandas as pd
import pytest
from report_samples import stage

from conntap.circuits.connectome import Connectome
from conntap.report import plots
from conntap.report.blocks import Sample
from conntap.report.cases import facets, telling
from conntap.report.entries import entered, sweep_of
from conntap.report.labels import labels
from conntap.report.matrices import density
from conntap.report.positioned import places
from conntap.report.stages import varies
from conntap.report.wording import column


def counts(*values):
    return pd.Series(values, name="count").rename_axis("dimension")


def sample(cases, values=()):
    return Sample("things", pd.DataFrame(cases), len(cases), lambda: iter(values), lambda *_, **__: pd.DataFrame())


def words(page, position=1):
    part = page.split(f'id="stage-{position}"')[1].split("<section")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", part).split())


def sliced(**more):
    """Cases of a whole and its slices, with an original and two draws each."""
    for draw in (-1, 0, 1):
        for name, ei in (("full", None), ("class", "e"), ("class", "i")):
            yield {"control": "er" if draw >= 0 else "original", "draw": draw, "slice": name, "ei": ei, **more}


def test_an_absent_entry_is_zero_only_where_another_value_of_the_same_case_has_it():
    cases = [{"max_dimension": n, "draw": draw} for n, draw in ((2, -1), (2, 0), (3, -1), (3, 0))]
    values = [counts(9, 8, 7), counts(9, 8), counts(9, 8, 7, 6), counts(9, 8, 7)]
    wide, _ = entered(sample(cases), values, [0, 1, 2, 3])
    expected = [[9, 8, 7, np.nan], [9, 8, 0, np.nan], [9, 8, 7, 6], [9, 8, 7, 0]]
    np.testing.assert_array_equal(wide, expected)


def test_a_count_stored_as_missing_is_never_zero():
    values = [pd.Series([4, pd.NA], dtype="Int64"), pd.Series([4, 5], dtype="Int64")]
    wide, _ = entered(sample([{"draw": -1}, {"draw": 0}]), values, [0, 1])
    assert np.isnan(wide.iloc[0, 1])


def test_the_table_of_a_sweep_shows_a_gap_and_no_zero(write):
    cases = [{"max_dimension": n, "control": c, "draw": d} for n in (2, 3) for c, d in (("original", -1), ("er", 0))]
    values = [counts(9, 8, 7, 6)[: case["max_dimension"] + 1] for case in cases]
    text = words(write(stage("counts", list(zip(cases, values)))))
    assert "2 9 8 7 – 3 9 8 7 6" in text
    assert "lines end there" in text


def test_swept_options_and_slices_are_never_pooled_in_a_panel():
    cases = [{"subtarget": str(n), "radius_um": r, **each} for n in range(9) for r in (5, 6) for each in sliced()]
    cases = pd.DataFrame(cases)
    panels = facets(cases, telling(cases))
    assert [title for title, _ in panels] == [
        f"radius_um {r}{part}" for r in (5, 6) for part in (" · full", " · e", " · i")
    ]
    assert all(len(cases.iloc[rows][["radius_um", "slice", "ei"]].drop_duplicates()) == 1 for _, rows in panels)


@pytest.mark.parametrize("sign", [1, -1])
def test_scores_far_from_zero_and_zero_lie_within_the_limits(sign):
    values = sign * np.array([[20.0, 30.0, 900.0]])
    axes = plots.against({"er": pd.DataFrame(values)}).axes[0]
    low, high = axes.get_ylim()
    assert low < min(values.min(), 0)
    assert high > max(values.max(), 0)


def test_scores_of_some_tens_have_ticks_between_them():
    axes = plots.against({"er": pd.DataFrame([[2.0, 33.0, 63.0]])}).axes[0]
    assert {0, 5, 10, 20, 50} <= set(axes.get_yticks())


def test_negative_ratios_are_drawn():
    axes = plots.against({"er": pd.DataFrame([[-3.0, 0.01, 40.0]])}, reference=1).axes[0]
    assert axes.get_ylim()[0] < -3


def test_positions_bear_the_name_of_the_circuit_they_are_of():
    bare, placed = pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"x": [1.0, 2], "y": [3.0, 5]})
    blocks = places({0: bare, 1: placed}, sample([{"circuit": "flat"}, {"circuit": "deep"}]))
    assert blocks[0].caption.startswith("Positions in deep")


def test_density_leaves_loops_out_and_counts_them_apart():
    wired = Connectome(pd.RangeIndex(3), [0, 0, 1, 2], [0, 1, 0, 2])
    own = density(wired.adjacency(), square=True)
    assert own == {"connected pairs": 2, "loops": 2, "density (%)": pytest.approx(100 / 3), "reciprocal (%)": 100.0}
    assert density(wired.adjacency(), square=False)["density (%)"] == pytest.approx(400 / 9)


def test_a_column_of_loops_stands_only_where_there_are_some(write):
    loop, none = (Connectome(pd.RangeIndex(3), pre, post) for pre, post in (([0, 1], [0, 2]), ([0, 1], [1, 2])))
    assert "connected pairs loops density" in words(write(stage("wired", [({"subtarget": "a"}, loop)])))
    assert "connected pairs density" in words(write(stage("wired", [({"subtarget": "a"}, none)])))


def test_the_parts_of_a_stage_multiply_to_its_values():
    assert varies(pd.DataFrame(sliced())) == "3 parts (full, e, i) × original and 2 draws of er"


def test_scores_stand_by_part(write):
    rows = [(case, counts(9, 8, n)) for n, case in enumerate(sliced())]
    page = write(stage("counts", rows))
    for part in ("full", "e", "i"):
        assert re.search(rf'aria-label="(ei )?{part} · z"', page)


@pytest.mark.parametrize("control", [False, True])
@pytest.mark.parametrize("value", [0.5, counts(3, 2, 1), pd.DataFrame({"in": [1, 2], "out": [2, 1]})], ids=type)
@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"slice": ["full", "layer", "layer", "layer"], "layer": pd.array([None, 1, 2, 3], dtype="Int64")},
        {"slice": ["full", "side", "side"], "left": pd.array([None, True, False], dtype="boolean")},
        {"radius_um": [1.5, 2.0, 2.5]},
        {"radius_um": [1, 2], "directed": [True, False]},
    ],
    ids=["single", "integer slices", "boolean slices", "sweep", "two options"],
)
def test_every_shape_of_a_study_is_drawn(write, control, value, extra):
    own = pd.DataFrame(extra or {"circuit": ["worm"]})
    draws = [("original", -1), ("er", 0), ("er", 1)] if control else [("original", -1)]
    each = [own.assign(circuit="worm", **({"control": name, "draw": draw} if control else {})) for name, draw in draws]
    cases = pd.concat(each, ignore_index=True)
    made = stage("things", [({}, value)] * len(cases))
    object.__setattr__(made, "cases", cases)
    page = write(made)
    assert "cannot be drawn" not in page
    assert "<svg" in page


def test_slices_by_number_are_no_axis():
    cases = [{"slice": "full", "layer": None}, *({"slice": "layer", "layer": n} for n in range(1, 6))]
    assert sweep_of(sample(cases)) is None


def test_a_degree_that_all_nodes_share_is_drawn():
    lines = plots.tail({"original": [[4, 4, 4]], "er": [[1, 2]]}).axes[0].lines
    assert {line.get_marker() for line in lines if len(line.get_xdata()) == 1} == {"o"}
    assert any(len(line.get_xdata()) == 1 for line in lines)


def test_a_pair_of_cases_has_an_arrow_between_its_sides():
    cases = pd.DataFrame({"circuit": "rec", "pre_subtarget": ["tON", "tON"], "post_subtarget": ["e", "i"]})
    assert labels(cases, ["circuit", "post_subtarget"]) == ["rec · tON → e", "rec · tON → i"]


def test_a_small_number_in_a_column_keeps_its_digits():
    assert column(pd.Series([2.6e-5, 3.1, 140.0])) == ["2.6×10⁻⁵", "3.10", "140.0"]


@pytest.mark.parametrize(("done", "said"), [(0, "None of 18 units is done."), (6, "6 of 18 units are done")])
def test_a_stage_says_how_many_units_are_missing(write, done, said):
    rows = [({"subtarget": str(n)}, float(n)) for n in range(done)]
    assert said in words(write(stage("things", rows, attrs={"units": 18, "units_done": done})))
