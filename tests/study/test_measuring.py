"""A value of any kind becomes a table and a figure."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.study.figures import drawn, drawn_against
from conntap.study.measuring import as_table, compared, find_measure, given_options, measured, measures, null_model

DEGREES = pd.DataFrame({"in": range(60), "out": range(60)}, index=pd.RangeIndex(60, name="id"))
WIDE = pd.DataFrame(
    [[1, 2], [3, 4]], index=pd.Index(["a", "b"], name="layer"), columns=pd.RangeIndex(2, name="dimension")
)
KINDS = [
    (3, ["n"], 1),
    (np.float64(0.5), ["n"], 1),
    (pd.Series([3, 2], index=pd.RangeIndex(2, name="dimension"), name="count"), ["dimension", "count"], 2),
    (pd.Series([3.0, 2.0], index=pd.MultiIndex.from_tuples([("e", 1), ("i", 2)])), ["entry_0", "entry_1", "n"], 2),
    (DEGREES, ["id", "in", "out"], 60),
    (WIDE, ["layer", "dimension 0", "dimension 1"], 2),
    ([np.zeros((4, 1), int), np.zeros((2, 2), int)], ["dimension", "simplices"], 2),
]


@pytest.mark.parametrize(("value", "columns", "rows"), KINDS, ids=lambda value: type(value).__name__)
def test_a_value_has_a_table_and_a_figure(value, columns, rows):
    table = as_table(value, "n")
    assert (list(table.columns), len(table)) == (columns, rows)
    assert drawn(value, "n").axes


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        ("text", ["n"]),
        (None, ["n"]),
        ({"a": 1, "b": "x"}, ["a", "b"]),
        (sparse.csr_array([[0, 2], [0, 0]]), ["row", "column", "n"]),
        (pd.DataFrame({"id": [1]}, index=pd.Index([5], name="id")), ["value_id", "id"]),
    ],
)
def test_other_values_have_a_table_at_least(value, columns):
    assert list(as_table(value, "n").columns) == columns


def test_what_has_no_table_or_figure_is_told():
    with pytest.raises(OptionError, match="n gives a Connectome, which is no table"):
        as_table(Connectome(1, [], []), "n")
    with pytest.raises(OptionError, match="n gives no numbers, so there is nothing to draw"):
        drawn(pd.Series(["a", "b"]), "n")


def test_an_option_that_stands_several_times_is_a_list_and_text_that_reads_as_a_number_may_be_text():
    step = find_measure("modularity")
    assert given_options(step, ["--by", "layer", "--by", "ei"]) == {"by": ["layer", "ei"]}
    assert given_options(step, ["--by=7"]) == {"by": "7"}


def test_every_measure_listed_takes_one_connectome():
    assert all(len(each.inputs.keys() - each.optional_inputs) == 1 for each in measures())


def test_a_comparison_has_the_draws_asked_for_and_a_figure():
    step, triangle = find_measure("simplex_counts"), Connectome(9, [0, 1, 0, 3], [1, 2, 2, 4])
    seen = []
    table = compared(
        step,
        triangle,
        {},
        null={"do": "erdos_renyi"},
        draws=5,
        seed=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert table["value"].tolist() == measured(step, triangle, {}, seed=1).tolist()
    assert (table["draws"] == 5).all()
    assert seen[-1] == (5, 5)
    assert drawn_against(table, "n", "erdos_renyi").axes


@pytest.mark.parametrize("name", ["communities", "connected_components"])
def test_labels_are_not_compared(name):
    with pytest.raises(
        OptionError, match=r"gives are labels, no quantities.*Compare (community_structure|component_sizes)\."
    ):
        null_model("erdos_renyi", find_measure(name))


@pytest.mark.parametrize("null", ["stochastic_block", {"do": "manipulate.stochastic_block"}])
def test_a_null_model_without_the_option_it_needs_is_told_what_to_write(null):
    with pytest.raises(OptionError, match=r"needs the option 'by' \(.*Write \"\{do: stochastic_block, by: VALUE\}\""):
        null_model(null, find_measure("simplex_counts"))


def test_an_edge_property_that_draws_lack_is_told_to_be_the_draws():
    graph = Connectome(3, [0, 1, 0], [1, 2, 2], properties={"w": [1.0, 2.0, 3.0]})
    step = find_measure("persistence")
    with pytest.raises(OptionError, match=r"Connectomes drawn by manipulate\.erdos_renyi have no edge properties"):
        compared(step, graph, {"weight": "w"}, null="erdos_renyi", draws=1, seed=1)
    with pytest.raises(OptionError, match=r"unknown edge property 'v'; known: w\.$"):
        compared(step, graph, {"weight": "v"}, null="erdos_renyi", draws=1, seed=1)
