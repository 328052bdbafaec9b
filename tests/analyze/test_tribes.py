"""Parameters of neighbourhoods against their definitions, part by part."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from scipy.stats import wasserstein_distance
from strategies import connectomes

from conntap.analyze import (
    betti_numbers,
    degree_complexity,
    neighbourhood,
    neighbourhood_complexity,
    neighbourhood_parameters,
    simplex_counts,
    spectral_gaps,
)
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import erdos_renyi

ALL = ["size", "tcc", "ccc", "dc", "nsc", "ec", "nbc", "complexity", "spectral"]


def random(n=25, density=0.2, seed=1):
    adjacency = np.random.default_rng(seed).random((n, n)) < density
    return Connectome(n, *np.nonzero(adjacency))


def test_each_parameter_is_that_of_the_part():
    connectome = random()
    table = neighbourhood_parameters(connectome, parameters=ALL, threads=2)
    for node in (0, 7, 20):
        part, row = neighbourhood(connectome, around=[node]), table.loc[node]
        counts, gaps = simplex_counts(part).to_numpy(), spectral_gaps(part)
        betti = betti_numbers(part).reindex(range(len(counts)), fill_value=0).to_numpy()
        assert row["size"] == part.n_nodes
        assert row["connections"] == counts[1]
        assert row["ec"] == counts[::2].sum() - counts[1::2].sum()
        assert row["nbc"] == pytest.approx((np.arange(1, len(counts) + 1) * betti / counts).sum())
        assert row["complexity"] == pytest.approx(degree_complexity(part))
        assert row["clsg"] == pytest.approx(gaps.loc["chung", "low"], nan_ok=True)
        assert row["asr"] == pytest.approx(gaps.loc["adjacency", "radius"])
        for name, matrix in {"as": "adjacency", "tps": "transition", "bls": "bauer"}.items():
            assert row[f"{name}g_low"] == pytest.approx(gaps.loc[matrix, "low"], nan_ok=True)
        reversed_gaps = row[["tpsr_reversed", "tpsg_reversed", "tpsg_reversed_low"]].tolist()
        assert reversed_gaps == pytest.approx(gaps.loc["reversed"].tolist(), nan_ok=True)
        assert row["clsg_high"] == pytest.approx(gaps.loc["chung", "high"], nan_ok=True)
        cliques = simplex_counts(part, kind="undirected")
        for k, most in ((2, 6), (3, 24)):
            assert row[f"nsc_{k}"] == pytest.approx(
                counts[k] / cliques[k] / most if k < len(cliques) else np.nan, nan_ok=True
            )


def test_the_density_coefficient_of_a_transitive_order_is_worked_out_by_hand():
    order = Connectome(list("abcd"), *np.triu_indices(4, 1))
    table = neighbourhood_parameters(order, parameters=["dc"])
    assert table["dc_2"].tolist() == pytest.approx([1 / 3] * 4)
    assert table["dc_3"].tolist() == pytest.approx([1 / 4] * 4)


def test_normalised_simplex_counts_are_worked_out_by_hand():
    """An order of three has one of the six simplices that its clique may carry; with one connection back, two; a ring none."""
    back = [(0, 1), (0, 2), (1, 2), (2, 1)]
    parts = {"order": (back[:3], 1 / 6), "back": (back, 2 / 6), "ring": ([(0, 1), (1, 2), (2, 0)], 0.0)}
    for edges, expected in parts.values():
        table = neighbourhood_parameters(Connectome(4, *np.transpose(edges)), parameters=["nsc"])
        assert table["nsc_2"].tolist() == pytest.approx([expected] * 3 + [np.nan], nan_ok=True)
        assert table["nsc_3"].isna().all()
    complete = Connectome(4, *np.nonzero(~np.eye(4, dtype=bool)))
    assert neighbourhood_parameters(complete, parameters=["nsc"]).to_numpy().tolist() == [[1.0, 1.0]] * 4


def test_complexity_is_the_distance_to_drawn_degrees_in_the_limit_of_many():
    connectome = Connectome(12, [0] * 11 + [1, 2, 3], [*range(1, 12), 0, 1, 2])
    degrees = np.bincount(np.append(connectome.pre, connectome.post), minlength=12)
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(2000):
        control = erdos_renyi(connectome, rng=rng)
        drawn.append(np.bincount(np.append(control.pre, control.post), minlength=12))
    expected = wasserstein_distance(degrees, np.concatenate(drawn))
    assert degree_complexity(connectome) == pytest.approx(expected, abs=0.02)


@given(connectomes())
def test_complexity_of_the_whole_is_that_of_a_node_that_sees_all(connectome):
    values = neighbourhood_complexity(connectome)
    assert (values >= 0).all()
    sizes = neighbourhood_parameters(connectome, parameters=["size"])["size"]
    whole = sizes.to_numpy() == connectome.n_nodes
    assert values.to_numpy()[whole] == pytest.approx(degree_complexity(connectome))


def test_columns_and_chiefs_are_those_asked_for():
    connectome = random()
    table = neighbourhood_parameters(connectome, nodes=[3, 1], max_dimension=4)
    assert table.index.tolist() == [3, 1]
    assert list(table)[:6] == ["size", "connections", "reciprocal_pairs", "density", "tcc", "ccc"]
    assert {"dc_2", "dc_3", "dc_4"} < set(table)
    assert neighbourhood_parameters(Connectome(0, [], [])).empty


def test_what_makes_no_sense_is_told():
    with pytest.raises(OptionError, match="max_dimension: 1; give a whole number from 2 on"):
        neighbourhood_parameters(random(), max_dimension=1)
    with pytest.raises(OptionError, match=r"unknown value 'tccc'.*Did you mean 'tcc'"):
        neighbourhood_parameters(random(), parameters=["tccc"])
    with pytest.raises(OptionError, match="'tcc' is text"):
        neighbourhood_parameters(random(), parameters="tcc")
    with pytest.raises(OptionError, match="rectangular"):
        neighbourhood_parameters(Connectome(2, [0], [1], post_nodes=3))


def test_the_input_is_untouched():
    connectome = random()
    before = connectome.edges
    neighbourhood_parameters(connectome)
    pd.testing.assert_frame_equal(connectome.edges, before)
