"""Neighbourhoods against random ones."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from scipy.stats import wasserstein_distance
from strategies import connectomes

from conntap.analyze import complexity_against, neighbourhood, neighbourhood_complexity, simplex_counts
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import degree_preserving, erdos_renyi


def against(connectome, *, null=erdos_renyi, seed=1, **options):
    return complexity_against(connectome, null=null, rng=np.random.default_rng(seed), **options)


def random(n=25, density=0.2, seed=1):
    return Connectome(n, *np.nonzero(np.random.default_rng(seed).random((n, n)) < density))


def same(connectome, *, rng):
    return connectome


def emptied(connectome, *, rng):
    return connectome.with_edges([], [])


def test_the_distance_to_draws_without_connections_is_the_mean_of_the_counts():
    order = Connectome(4, *np.triu_indices(4, 1))
    found = {name: against(order, null=emptied, draws=3, profile=name)["value"].tolist() for name in
             ("degree", "in-degree", "out-degree", "triangles")}  # fmt: skip
    assert found == {"degree": [3.0] * 4, "in-degree": [1.5] * 4, "out-degree": [1.5] * 4, "triangles": [3.0] * 4}


def test_it_is_the_wasserstein_distance_to_the_pooled_draws():
    connectome, drawn = random(), []

    def recorded(part, *, rng):
        drawn.append(erdos_renyi(part, rng=rng))
        return drawn[-1]

    row = against(connectome, null=recorded, draws=6, nodes=[4]).loc[4]
    own = neighbourhood(connectome, around=[4])
    counts = [np.bincount(np.append(c.pre, c.post)[np.append(c.pre != c.post, c.pre != c.post)], minlength=c.n_nodes)
              for c in (own, *drawn)]  # fmt: skip
    assert row["value"] == pytest.approx(wasserstein_distance(counts[0], np.concatenate(counts[1:])))
    others = [
        wasserstein_distance(counts[n], np.concatenate([each for m, each in enumerate(counts) if m not in (0, n)]))
        for n in range(1, 7)
    ]
    assert row["mean"] == pytest.approx(np.mean(others))
    assert row["sd"] == pytest.approx(np.std(others, ddof=1))


def test_many_draws_of_erdos_renyi_come_near_the_expectation():
    connectome = random(n=14)
    found = against(connectome, draws=600, nodes=[0, 3])["value"]
    expected = neighbourhood_complexity(connectome, nodes=[0, 3])
    assert found.to_numpy() == pytest.approx(expected.to_numpy(), abs=0.06)


def test_a_neighbourhood_that_is_random_is_as_far_as_its_draws():
    table = against(random(n=40, density=0.3, seed=7), draws=15, centre="without")
    assert abs(table["z"].mean()) < 0.7
    star = against(Connectome(30, [0] * 29, range(1, 30)), draws=19, nodes=[0])
    assert star.loc[0, "p_upper"] == 0.05


@settings(max_examples=25)
@given(connectomes())
def test_draws_that_change_nothing_are_no_way_off(connectome):
    table = against(connectome, null=same, draws=2)
    assert (table["value"] == 0).all()
    assert table.index.tolist() == connectome.nodes.index.tolist()


@settings(max_examples=15)
@given(connectomes())
def test_draws_that_keep_degrees_are_no_way_off_in_degrees(connectome):
    table = against(connectome, null=degree_preserving, draws=2)
    assert table["value"].to_numpy() == pytest.approx(0, abs=1e-12)


def test_threads_and_other_nodes_change_nothing():
    connectome = random()
    everything = against(connectome, draws=3)
    pd.testing.assert_frame_equal(everything, against(connectome, draws=3, threads=3))
    few = against(connectome, draws=3, nodes=[7, 2]).drop(columns="q")
    pd.testing.assert_frame_equal(few, everything.loc[few.index].drop(columns="q"))


def test_the_null_model_sees_the_neighbourhood_with_its_properties():
    nodes, seen = pd.DataFrame({"ei": list("eiei")}, index=pd.Index(list("abcd"), name="id")), []

    def looking(part, *, rng):
        seen.append(part.nodes["ei"].tolist())
        return part

    against(Connectome(nodes, [0, 1], [1, 2]), null=looking, draws=2, nodes=["a"])
    assert seen == [["e", "i"]] * 2


def test_connectomes_of_nothing_have_a_table_of_nothing():
    assert against(Connectome(0, [], [])).empty
    assert against(Connectome(1, [], []))["value"].tolist() == [0]
    assert list(against(Connectome(0, [], []))) == list(against(random(), nodes=[0], draws=2))


def test_what_makes_no_sense_is_told():
    with pytest.raises(OptionError, match=r"complexity_against\.draws: 1; give a whole number from 2 on"):
        against(random(), draws=1)
    with pytest.raises(OptionError, match=r"unknown value 'degre'.*Did you mean 'degree'"):
        against(random(), profile="degre")
    with pytest.raises(OptionError, match="it gives a Series, no connectome"):
        against(random(), null=lambda part, *, rng: simplex_counts(part))
    with pytest.raises(OptionError, match="the neighbourhood of 0: "):
        against(random(), null=partial(degree_preserving, sweeps=-1))
    with pytest.raises(OptionError, match=r"complexity_against\.null: 'erdos_renyi' is no function"):
        against(random(), null="erdos_renyi")
    with pytest.raises(OptionError, match="rng: None draws no numbers"):
        complexity_against(random(), null=erdos_renyi, rng=None)
    with pytest.raises(OptionError, match="rectangular"):
        against(Connectome(2, [0], [1], post_nodes=3))


def test_the_input_is_untouched():
    connectome = random()
    before = connectome.edges
    against(connectome, draws=2, nodes=[0])
    pd.testing.assert_frame_equal(connectome.edges, before)
