"""Measures beside those of random connectomes."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from conntap.analyze import compare, degrees, simplex_counts
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import erdos_renyi
from conntap.store.statistics import adjusted

ORDER = Connectome(list("abcdefgh"), *np.triu_indices(8, 1))


def seeded(seed=1):
    return np.random.default_rng(seed)


def test_statistics_are_those_worked_out_by_hand():
    counts = iter([9.0, 2.0, 4.0, 3.0])
    row = compare(ORDER, measure=lambda _: next(counts), null=lambda c, rng: c, draws=3, rng=seeded()).loc["value"]
    assert row[["value", "mean", "sd", "z", "ratio"]].tolist() == [9, 3, 1, 6, 3]
    assert row[["p_upper", "p_lower", "p", "q"]].tolist() == [0.25, 1, 0.5, 0.5]


def test_a_dimension_that_draws_lack_counts_as_none():
    table = compare(ORDER, measure=simplex_counts, null=erdos_renyi, draws=9, rng=seeded())
    assert table.index.name == "dimension"
    assert table.loc[7, ["value", "mean", "draws"]].tolist() == [1, 0, 9]
    left_out = compare(ORDER, measure=simplex_counts, null=erdos_renyi, draws=9, rng=seeded(), fill_value=None)
    assert left_out.loc[7, "draws"] == 0
    assert np.isnan(left_out.loc[7, "p"])


def test_a_ratio_that_draws_lack_is_left_out():
    table = compare(ORDER, measure=lambda c: simplex_counts(c) / 2, null=erdos_renyi, draws=9, rng=seeded())
    assert table.loc[7, "draws"] == 0


def test_a_table_is_compared_entry_by_entry():
    table = compare(ORDER, measure=degrees, null=erdos_renyi, draws=5, rng=seeded())
    assert table.index.names == ["id", "column"]
    assert table.loc[("a", "out"), "value"] == 7
    assert (table.xs("total", level="column")["mean"].sum()) == pytest.approx(56)


def test_several_measures_and_nulls_stand_in_one_table():
    table = compare(
        ORDER,
        measure={"counts": simplex_counts, "edges": lambda c: c.n_edges},
        null={"er": erdos_renyi, "same": lambda c, rng: c},
        draws=3,
        rng=seeded(),
    )
    assert table.index.names == ["null", "measure", "entry"]
    assert table.loc[("same", "counts", "3"), ["value", "mean"]].tolist() == [70, 70]
    assert table.loc[("er", "edges", "edges"), "ratio"] == 1


def test_draws_do_not_depend_on_their_number_or_on_threads():
    seen = {}
    for draws, threads in ((4, 1), (8, 1), (8, 3)):
        kept = seen[draws, threads] = {}

        def null(connectome, *, rng, kept=kept):
            random = erdos_renyi(connectome, rng=rng)
            kept[tuple(random.pre.tolist()), tuple(random.post.tolist())] = True
            return random

        compare(ORDER, measure=simplex_counts, null=null, draws=draws, rng=seeded(), threads=threads)
    assert seen[8, 1].keys() == seen[8, 3].keys()
    assert list(seen[8, 1])[:4] == list(seen[4, 1])


def test_one_seed_gives_one_table_and_the_input_stays():
    before = ORDER.edges
    run = partial(compare, ORDER, measure=simplex_counts, null=erdos_renyi, draws=6)
    pd.testing.assert_frame_equal(run(rng=seeded()), run(rng=seeded(), threads=2))
    pd.testing.assert_frame_equal(ORDER.edges, before)


def test_progress_is_told():
    told = []
    compare(ORDER, measure=simplex_counts, null=erdos_renyi, draws=3, rng=seeded(), progress=lambda *a: told.append(a))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 0}, "compare.draws: 0; give a whole number from 1 on"),
        ({"draws": 2.5}, "compare.draws: 2.5; give a whole number"),
        ({"rng": 3}, "compare.rng: 3 draws no numbers"),
        ({"null": lambda c, rng: None}, "compare: draw 0: the null model gives a NoneType, no connectome"),
        ({"measure": lambda c: [np.ones((2, 2), int), np.ones((3, 4), int)]}, "gives no numbers"),
        ({"threads": 0}, "compare.threads: 0"),
        ({"measure": {}}, "compare.measure: none"),
        ({"null": "erdos_renyi"}, "compare.null: 'erdos_renyi' is no function"),
        ({"measure": lambda c: "text"}, "compare.measure: it gives no numbers"),
        ({"measure": lambda c: pd.Series(["x"])}, "gives no numbers"),
        ({"measure": lambda c: pd.Series([1, 2], index=[0, 0])}, "several numbers of one name"),
    ],
)
def test_what_cannot_be_compared_is_told(options, message):
    with pytest.raises(OptionError, match=message):
        compare(ORDER, **{"measure": simplex_counts, "null": erdos_renyi, "draws": 2, "rng": seeded(), **options})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_false_discovery_rates_are_those_of_scipy(p):
    assert adjusted(np.array(p)) == pytest.approx(false_discovery_control(p))


def test_an_error_in_a_draw_says_which():
    def fails(connectome):
        if connectome is not ORDER:
            raise ValueError("boom")
        return 1.0

    with pytest.raises(ValueError, match="boom") as raised:
        compare(ORDER, measure=fails, null={"er": erdos_renyi}, draws=2, rng=seeded())
    assert raised.value.__notes__ == ["compare: draw 0 of er failed so."]


def test_a_number_missing_in_a_draw_is_left_out_and_not_zero():
    tables = iter([[5.0, 1.0], [np.nan, 1.0], [3.0, 1.0]])
    measure = lambda _: pd.DataFrame([next(tables)], columns=["a", "b"], index=pd.Index(["x"], name="kind"))  # noqa: E731
    row = compare(ORDER, measure=measure, null=erdos_renyi, draws=2, rng=seeded()).loc[("x", "a")]
    assert row[["value", "mean", "draws"]].tolist() == [5, 3, 1]
