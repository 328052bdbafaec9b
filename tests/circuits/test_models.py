"""Models of connectivity: known ones are recovered with honest errors, draws stay within their bounds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from strategies import connectomes

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules import (
    DelayLine,
    Delays,
    Discrete,
    Fixed,
    Gamma,
    Joint,
    Normal,
    Poisson,
    PositivePoisson,
    Properties,
    Property,
    SynapseCounts,
    TruncatedNormal,
    distribution_from_dict,
    evaluate,
    fit_delays,
    fit_distribution,
    fit_positions,
    fit_properties,
    fit_synapses,
)
from conntap.circuits.rules.delays import fit_line
from conntap.circuits.rules.synapses import chances, fit_counts
from conntap.errors import OptionError

KNOWN = [
    ("normal", Normal(-1.0, 2.0), stats.norm(-1, 2)),
    ("truncnorm", TruncatedNormal(1.0, 2.0, 0.0, 3.0), stats.truncnorm(-0.5, 1, 1, 2)),
    ("truncnorm", TruncatedNormal(-3.0, 2.0, 0.0, 5.0), stats.truncnorm(1.5, 4, -3, 2)),
    ("gamma", Gamma(2.0, 3.0), stats.gamma(4 / 9, scale=4.5)),
    ("gamma", Gamma(2.0, 0.1), stats.gamma(400, scale=0.005)),
    ("poisson", Poisson(3.3), stats.poisson(3.3)),
    ("ztpoisson", PositivePoisson(0.8), None),
]
of_kinds = pytest.mark.parametrize(("kind", "true", "oracle"), KNOWN, ids=lambda value: str(value)[:24])
UNIT = st.floats(0, 1, exclude_max=True, allow_subnormal=False)
POSITIVE = st.floats(0.01, 50)
DISTRIBUTIONS = st.one_of(
    st.builds(Fixed, st.floats(-10, 10)),
    st.builds(Normal, st.floats(-10, 10), st.floats(0, 50)),
    st.builds(
        lambda m, s, low, span: TruncatedNormal(m, s, low, low + span), *[st.floats(-10, 10), st.floats(0, 9)] * 2
    ),
    st.builds(Gamma, POSITIVE, POSITIVE),
    st.builds(Poisson, st.floats(0, 100)),
    st.builds(PositivePoisson, st.floats(0, 100)),
    st.just(Discrete((3.0, -1.0, 7.0), (0.25, 0.0, 0.75))),
)


def numbers(distribution, errors):
    return np.array([[getattr(distribution, name), errors[name]] for name in errors]).T


@of_kinds
def test_a_known_distribution_is_recovered_with_honest_errors(kind, true, oracle):
    source, scores = np.random.default_rng(1), []
    bounds = {"lower": true.lower, "upper": true.upper} if kind == "truncnorm" else {}
    for _ in range(40):
        found, errors = fit_distribution(true.quantiles(source.random(2000)), kind=kind, **bounds)
        scores.append([(getattr(found, name) - getattr(true, name)) / errors[name] for name in errors])
    assert np.abs(np.mean(scores, axis=0)).max() < 4 / np.sqrt(40)
    assert np.std(scores, axis=0) == pytest.approx(np.ones(len(errors)), abs=0.4)


@of_kinds
def test_quantiles_and_shares_are_those_of_scipy(kind, true, oracle):
    u = np.linspace(0.001, 0.999, 57)
    if oracle is not None:
        assert true.quantiles(u) == pytest.approx(oracle.ppf(u), rel=1e-9, abs=1e-12)
        assert true.cdf(np.linspace(-5, 9, 40)) == pytest.approx(oracle.cdf(np.linspace(-5, 9, 40)), abs=1e-12)
        return
    whole = np.arange(0, 9)
    poisson = stats.poisson(true.rate)
    shares = (poisson.cdf(whole) - poisson.pmf(0)) / poisson.sf(0)
    assert true.cdf(whole) == pytest.approx(shares, abs=1e-12)
    assert (true.cdf(true.quantiles(u)) >= u).all()


def test_a_gamma_is_fitted_as_scipy_does_it():
    values = np.random.default_rng(2).gamma(2.5, 0.7, 500)
    found, _ = fit_distribution(values, kind="gamma")
    shape, _, scale = stats.gamma.fit(values, floc=0)
    assert (found.shape, found.scale) == pytest.approx((shape, scale), rel=1e-4)


def test_a_truncated_normal_is_fitted_as_scipy_does_it():
    values = stats.truncnorm(-1, 1.5, loc=2, scale=2).rvs(800, random_state=3)
    found, _ = fit_distribution(values, kind="truncnorm", lower=0.0, upper=5.0)

    def loss(at):
        ends = (0 - at[0]) / at[1], (5 - at[0]) / at[1]
        return -stats.truncnorm.logpdf(values, *ends, loc=at[0], scale=at[1]).sum()

    assert loss((found.mean, found.sd)) <= min(
        loss((found.mean * k, found.sd * j)) for k in (0.99, 1.01) for j in (0.99, 1.01)
    )


@settings(deadline=None, max_examples=80)
@given(DISTRIBUTIONS, st.lists(UNIT, min_size=1, max_size=20))
def test_quantiles_rise_and_lie_where_they_may(distribution, uniforms):
    found = distribution.quantiles(np.sort(uniforms))
    assert np.isfinite(found).all()
    if not isinstance(distribution, Discrete):
        assert (np.diff(found) >= 0).all()
    if isinstance(distribution, TruncatedNormal):
        assert ((found >= distribution.lower) & (found <= distribution.upper)).all()
    if isinstance(distribution, PositivePoisson):
        assert found.min() >= 1
    if isinstance(distribution, Discrete):
        assert set(found) <= {3.0, 7.0}
    shares = distribution.cdf(found)
    assert ((shares >= 0) & (shares <= 1)).all()


def test_a_distribution_that_makes_no_sense_is_refused():
    with pytest.raises(OptionError, match=r"unknown kind of distribution 'gama'.*Did you mean 'gamma'"):
        distribution_from_dict({"kind": "gama", "mean": 1, "sd": 1})
    with pytest.raises(OptionError, match=r"rules.Normal: sd is -1"):
        Normal(0.0, -1)
    with pytest.raises(OptionError, match=r"a gamma needs values above 0; the least is 0.0"):
        fit_distribution(np.array([0.0, 1.0]), kind="gamma")
    with pytest.raises(OptionError, match=r"a poisson needs whole numbers from 0 on"):
        fit_distribution(np.array([0.5]), kind="poisson")
    with pytest.raises(OptionError, match=r"lie beyond the bounds 0.0 to 1.0"):
        fit_distribution(np.array([0.5, 2.0]), kind="truncnorm", lower=0, upper=1)


# -- synapses ------------------------------------------------------------------------------------------------------


def test_synapses_of_a_connection_are_a_rounded_gamma_of_at_least_1():
    p = chances(Gamma(2.0, 1.5))
    gamma = stats.gamma((2 / 1.5) ** 2, scale=1.5**2 / 2)
    assert p[:3] == pytest.approx([gamma.cdf(1.5), gamma.cdf(2.5) - gamma.cdf(1.5), gamma.cdf(3.5) - gamma.cdf(2.5)])
    assert p.sum() == pytest.approx(1.0)


def test_the_gamma_behind_the_counts_is_recovered_where_its_moments_are_shifted():
    source, true, scores, naive = np.random.default_rng(4), Gamma(1.5, 1.5), [], []
    for _ in range(25):
        drawn = np.maximum(1, np.rint(source.gamma(true.shape, true.scale, 3000))).astype(int)
        found, errors = fit_counts(np.bincount(drawn)[1:].astype(float))
        scores.append([(found.mean - true.mean) / errors[0], (found.sd - true.sd) / errors[1]])
        naive.append(drawn.mean() / true.mean)
    assert np.mean(naive) > 1.05
    assert np.abs(np.mean(scores, axis=0)).max() < 0.8
    assert np.std(scores, axis=0) == pytest.approx([1, 1], abs=0.45)


def test_synapses_are_fitted_by_pathway_and_drawn_as_many():
    source = np.random.default_rng(5)
    nodes = pd.DataFrame({"ei": ["e"] * 100 + ["i"] * 100})
    base = Connectome(nodes, *np.nonzero(source.random((200, 200)) < 0.3))
    true = SynapseCounts(("ei",), ((("e",), (), Gamma(5.0, 2.0)), ((), (), Gamma(2.0, 0.5))))
    edges = evaluate(base, model=true, rng=source)
    assert edges.connections() == base.connections().with_edges(
        base.pre, base.post, properties={"count": edges.connections().properties["count"]}
    )
    found = fit_synapses(edges, by="ei").numbers
    assert found.loc[("e", "i"), "mean"] == pytest.approx(5.0, abs=5 * found.loc[("e", "i"), "mean_error"])
    assert found.loc[("i", "e"), "sd"] == pytest.approx(0.5, abs=5 * found.loc[("i", "e"), "sd_error"])


def test_connections_of_equally_many_synapses_have_no_spread():
    twice = Connectome(3, [0, 0, 1, 1], [1, 1, 2, 2])
    model = fit_synapses(twice, fewest=1).model
    assert model.pathways == (((), (), Gamma(2.0, 0.0)),)
    assert model.draw(twice, rng=np.random.default_rng(0)).tolist() == [2] * 4


# -- wider groups --------------------------------------------------------------------------------------------------


def test_a_pathway_without_a_value_takes_that_of_the_first_wider_group():
    nodes = pd.DataFrame({"layer": [4, 4, 5], "ei": ["e", "i", "e"]})
    edges = Connectome(nodes, [0, 0, 1, 2], [1, 2, 0, 0])
    known = [((4, "e"), (4, "i")), ((4,), (5,)), ((), (4, "e")), ((), ())]
    model = SynapseCounts(("layer", "ei"), tuple((*each, Gamma(n + 1.0, 0.0)) for n, each in enumerate(known)))
    assert model.draw(edges, rng=np.random.default_rng(0)).tolist() == [1, 2, 3, 3]


def test_a_pathway_of_which_nothing_is_known_is_refused():
    nodes = pd.DataFrame({"ei": ["e", "i"]})
    model = SynapseCounts(("ei",), ((("e",), ("e",), Gamma(1.0, 0.0)),))
    with pytest.raises(OptionError, match=r"nothing is known of 1 edges, as from \('e',\) to \('i',\)"):
        model.draw(Connectome(nodes, [0], [1]), rng=np.random.default_rng(0))


def test_nodes_that_lack_a_type_take_the_value_of_all():
    nodes = pd.DataFrame({"ei": ["e", None]})
    model = SynapseCounts(("ei",), ((("e",), ("e",), Gamma(1.0, 0.0)), ((), (), Gamma(7.0, 0.0))))
    drawn = model.draw(Connectome(nodes, [0, 0], [0, 1]), rng=np.random.default_rng(0))
    assert drawn.tolist() == [1, 7]


# -- delays --------------------------------------------------------------------------------------------------------


def test_a_line_of_delays_is_recovered_though_much_was_cut_off():
    source, scores, true = np.random.default_rng(6), [], DelayLine(0.2, 0.004, 0.6, 0.1)
    for _ in range(40):
        d = source.uniform(0, 300, 2000)
        found, errors = fit_line(true.quantiles(source.random(2000), d), d, 0.1)
        truth = true.a_ms, true.b_ms_per_um, true.sd_ms
        scores.append((np.array([found.a_ms, found.b_ms_per_um, found.sd_ms]) - truth) / errors)
    assert np.abs(np.mean(scores, axis=0)).max() < 4 / np.sqrt(40)
    assert np.std(scores, axis=0) == pytest.approx([1, 1, 1], abs=0.4)


def test_delays_are_those_of_a_truncated_normal_of_scipy():
    line, u, d = DelayLine(0.2, 0.01, 0.5, 0.3), np.linspace(0.01, 0.99, 9), np.full(9, 20.0)
    oracle = stats.truncnorm((0.3 - 0.4) / 0.5, np.inf, loc=0.4, scale=0.5)
    assert line.quantiles(u, d) == pytest.approx(oracle.ppf(u))
    assert line.means(d[:1]) == pytest.approx([oracle.mean()])


def test_delays_far_below_the_least_are_the_least():
    assert DelayLine(-50.0, 0.0, 0.5, 0.3).quantiles(np.array([0.5]), np.zeros(1)) == pytest.approx([0.3], abs=0.01)


def test_delays_are_fitted_by_pathway():
    source = np.random.default_rng(7)
    nodes = pd.DataFrame({"x": source.uniform(0, 400, 300), "ei": source.choice(["e", "i"], 300)})
    edges = Connectome(nodes, source.integers(0, 300, 20_000), source.integers(0, 300, 20_000))
    true = Delays(
        ("ei",), ((("e",), (), DelayLine(1.0, 0.005, 0.2, 0.1)), ((), (), DelayLine(2.0, 0.0, 0.1, 0.1))), ("x",)
    )
    edges = evaluate(edges, model=true, rng=source)
    found = fit_delays(edges, positions=["x"], by="ei", least_ms=0.1).numbers.loc[("e", "i")]
    assert found["b_ms_per_um"] == pytest.approx(0.005, abs=4 * found["b_ms_per_um_error"])
    assert found["a_ms"] == pytest.approx(1.0, abs=4 * found["a_ms_error"])


def test_delays_at_one_place_have_no_slope():
    nodes = pd.DataFrame({"x": [0.0, 0.0]})
    edges = Connectome(nodes, [0, 0, 0, 1], [1, 1, 1, 0], properties={"delay": [1.0, 1.1, 1.2, 1.3]})
    line = fit_delays(edges, positions=["x"], least_ms=0.0).model.pathways[0][2]
    assert (line.b_ms_per_um, line.a_ms) == (0.0, pytest.approx(1.15))


def test_delays_that_are_no_numbers_are_refused():
    edges = Connectome(pd.DataFrame({"x": [0.0]}), [0], [0], properties={"delay": ["a"], "late": [np.nan]})
    with pytest.raises(OptionError, match=r"fit_delays.delay: edge property 'delay' is no number"):
        fit_delays(edges, positions=["x"])
    with pytest.raises(OptionError, match=r"1 values of 'late' are not finite"):
        fit_delays(edges, delay="late", positions=["x"])
    with pytest.raises(OptionError, match=r"unknown edge property 'dely'; known: delay, late. Did you mean 'delay'"):
        fit_delays(edges, delay="dely", positions=["x"])


# -- properties ----------------------------------------------------------------------------------------------------


def many(n=4000, seed=8):
    source = np.random.default_rng(seed)
    nodes = pd.DataFrame({"ei": source.choice(["e", "i"], 40)})
    return Connectome(nodes, source.integers(0, 40, n), source.integers(0, 40, n)), source


def test_properties_that_hang_together_are_recovered_with_their_correlation():
    edges, source = many()
    joint = Joint((Gamma(2.0, 1.0), Normal(0.0, 1.0)), ((1.0, -0.7), (-0.7, 1.0)))
    true = Properties((), (Property("g"), Property("w")), (((), (), joint),))
    fitted = fit_properties(
        evaluate(edges, model=true, rng=source), properties={"g": "gamma", "w": "normal"}, copula="gaussian"
    )
    found = fitted.model.pathways[0][2]
    assert found.correlation[0][1] == pytest.approx(-0.7, abs=4 * (1 - 0.49) / np.sqrt(4000))
    told = fitted.numbers.loc[("g", "mean")]
    assert told["value"] == pytest.approx(2.0, abs=4 * told["error"])
    drawn = fitted.model.draw(edges, rng=source)
    assert stats.spearmanr(drawn["g"], drawn["w"]).statistic == pytest.approx(-0.68, abs=0.05)


def test_what_is_shared_within_a_connection_is_one_value_and_counts_once():
    edges, source = many()
    joint = Joint((Normal(0.0, 1.0), Normal(0.0, 1.0)), ((1.0, 0.9), (0.9, 1.0)))
    properties = Property("each"), Property("shared", within="connection")
    edges = evaluate(edges, model=Properties((), properties, (((), (), joint),)), rng=source)
    table = edges.edges.groupby(["pre", "post"])["shared"].nunique()
    assert (table == 1).all()
    assert np.corrcoef(edges.properties["each"], edges.properties["shared"])[0, 1] == pytest.approx(0.9, abs=0.03)
    fitted = fit_properties(edges, properties={"each": "normal", "shared": "normal"})
    assert [each.within for each in fitted.model.properties] == ["synapse", "connection"]
    assert fitted.numbers["edges"].groupby("property").first().to_dict() == {"each": 4000, "shared": len(table)}


def test_text_is_drawn_as_often_as_it_was():
    edges, source = many()
    edges = edges.with_edges(edges.pre, edges.post, properties={"kind": source.choice(["a", "b"], 4000, p=[0.2, 0.8])})
    model = fit_properties(edges, properties={"kind": "discrete"}).model
    drawn = model.draw(edges, rng=source)["kind"]
    assert (np.asarray(drawn) == "a").mean() == pytest.approx(0.2, abs=0.04)


def test_pathways_have_properties_of_their_own():
    edges, source = many()
    codes = (edges.nodes["ei"] == "i").to_numpy()[edges.pre]
    edges = edges.with_edges(edges.pre, edges.post, properties={"w": source.normal(np.where(codes, -5.0, 5.0), 1.0)})
    fitted = fit_properties(edges, properties={"w": {"kind": "normal", "dtype": "float32"}}, by="ei")
    drawn = fitted.model.draw(edges, rng=source)["w"]
    assert drawn.dtype == np.float32
    assert drawn[codes].mean() == pytest.approx(-5, abs=0.15)
    assert fitted.numbers.loc[("i", "", "w", "mean"), "value"] == pytest.approx(-5, abs=0.15)


@settings(deadline=None, max_examples=50)
@given(
    DISTRIBUTIONS,
    st.sampled_from(["float32", "float64", "int8", "uint16", "int64", "uint64"]),
    st.floats(-20, 20),
    st.floats(0, 30),
    connectomes(square=None, properties=False, columns=False, max_nodes=3, max_edges=6),
)
def test_draws_keep_to_bounds_and_type(distribution, dtype, low, span, edges):
    if "int" in dtype:
        low, span = np.floor(abs(low)), np.ceil(span)
    low, high = float(np.dtype(dtype).type(low)), float(np.dtype(dtype).type(low + span))
    told = Property("w", dtype, "connection", low, high)
    model = Properties((), (told,), (((), (), Joint((distribution,))),))
    drawn = model.draw(edges, rng=np.random.default_rng(0))["w"]
    assert drawn.dtype == dtype
    assert ((drawn.astype(float) >= low) & (drawn.astype(float) <= high)).all()
    assert len(drawn) == edges.n_edges


def test_parts_of_edges_draw_what_all_of_them_do():
    edges, _ = many(600)
    edges = edges.with_edges(np.sort(edges.pre), edges.post)
    model = Properties(
        (), (Property("a", within="connection"), Property("b")), (((), (), Joint((Normal(0, 1), Gamma(1, 1)))),)
    )
    uniforms = np.random.default_rng(1).random((600, 2))
    cut = int(np.searchsorted(edges.pre, 20))
    whole = model.quantiles(edges, uniforms)
    parts = [
        model.quantiles(edges.with_edges(edges.pre[s], edges.post[s]), uniforms[s])
        for s in (slice(cut), slice(cut, None))
    ]
    for name in ("a", "b"):
        assert np.array_equal(whole[name], np.concatenate([each[name] for each in parts]))


def test_a_property_that_is_misspelt_is_refused():
    edges = Connectome(2, [0], [1], properties={"weight": [1.0]})
    with pytest.raises(OptionError, match=r"fit_properties.properties: unknown edge property 'wait'"):
        fit_properties(edges, properties={"wait": "normal"})
    with pytest.raises(OptionError, match=r"fit_properties.properties.weight: unknown option 'min'"):
        fit_properties(edges, properties={"weight": {"kind": "normal", "min": 0}})
    with pytest.raises(OptionError, match="unknown kind of distribution 'lognormal'"):
        fit_properties(edges, properties={"weight": "lognormal"})


# -- positions -----------------------------------------------------------------------------------------------------


def test_positions_go_with_the_ids_to_another_connectome():
    model = fit_positions(
        Connectome(pd.DataFrame({"x": [1.0, 2.0, 3.0]}, index=[7, 8, 9]), [], []), positions=["x"]
    ).model
    there = evaluate(Connectome([9, 7, 1], [0], [1]), model=model, rng=np.random.default_rng(0))
    assert there.nodes["x"].fillna(-1).tolist() == [3.0, 1.0, -1.0]


@pytest.mark.parametrize("fitted", [fit_synapses, lambda c: fit_properties(c, properties={"w": "normal"})])
def test_without_edges_there_is_nothing_to_fit(fitted):
    with pytest.raises(OptionError, match="there are no edges to fit to"):
        fitted(Connectome(2, [], [], properties={"w": []}))


def test_fitting_and_drawing_leave_the_connectome_untouched():
    edges, source = many(200)
    edges = edges.with_edges(edges.pre, edges.post, properties={"w": source.normal(size=200)})
    before = edges.edges
    evaluate(edges, model=fit_properties(edges, properties={"w": "normal"}), rng=source)
    evaluate(edges, model=fit_synapses(edges), rng=source)
    pd.testing.assert_frame_equal(edges.edges, before)
