"""Rules asked pair by pair say what they say of tables, and never more than their bound."""

import numpy as np
import pandas as pd
import pytest

from conntap.circuits.rules import (
    Bin,
    Bipolar,
    Constant,
    DoubleExponential,
    Exponential,
    Gridded,
    Interpolated,
    Pathways,
    Scaled,
    Sided,
)
from conntap.circuits.rules.pairwise import bound_of, chance_of

SOURCE = np.random.default_rng(5)
DOUBLE = DoubleExponential(0.5, 0.001, 2.0, 0.4, 0.01)
BINS = Bin(0.0, 20.0, 4), Bin(-50.0, 20.0, 5)
REDUCED = ("distance", "x", "z"), ("offset", "y")
RULES = {
    "constant": Constant(0.3),
    "falling": Exponential(1.4, 0.03),
    "rising": Exponential(0.1, -0.01),
    "bipolar": Bipolar(0.9, 0.02, 0.4, 0.01),
    "double": DOUBLE,
    "sided": Sided(DOUBLE, Exponential(0.3, 0.001)),
    "sided by other positions": Sided(Exponential(0.5, 0.1, ("x",)), Exponential(0.3, 0.001)),
    "reduced table": Interpolated(REDUCED, BINS, SOURCE.random((4, 5))),
    "table by place": Interpolated((("place", "y"), *REDUCED), (Bin(0.0, 30.0, 4), *BINS), SOURCE.random((4, 4, 5))),
    "table of offsets": Interpolated(
        tuple(("offset", axis) for axis in "xyz"), (Bin(-100.0, 40.0, 5),) * 3, SOURCE.random((5, 5, 5))
    ),
    "table of places": Interpolated((("place", "x"),), (Bin(0.0, 30.0, 4),), SOURCE.random(4)),
    "grid": Gridded(REDUCED, ((10.0, 40.0, 80.0), (-60.0, 0.0, 30.0)), SOURCE.random((3, 3))),
    "grid of one distance": Gridded(REDUCED, ((10.0,), (-60.0, 0.0, 30.0)), SOURCE.random((1, 3))),
    "scaled": Scaled(DOUBLE, 1.7),
}


@pytest.fixture(scope="module")
def nodes():
    found = pd.DataFrame(np.random.default_rng(0).uniform(0, 100, (60, 3)), columns=list("xyz"))
    found.loc[7] = found.loc[3]  # two at one place
    found.loc[8, "y"] = found.loc[9, "y"]  # two at one height
    return found


@pytest.mark.parametrize("name", RULES)
def test_a_pair_has_the_probability_that_the_table_says(name, nodes):
    rule = RULES[name]
    rows, columns = np.divmod(np.arange(60 * 40), 40)
    expected = rule.probabilities(nodes, nodes[:40])
    assert chance_of(rule, nodes, nodes[:40])(rows, columns) == pytest.approx(expected.ravel(), abs=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_no_pair_exceeds_the_bound_at_its_distance_and_bounds_never_rise(name, nodes):
    names, bound = bound_of(RULES[name])
    places = nodes[list(names)].to_numpy()
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    order = np.argsort(distances.ravel())
    bounds = bound(distances.ravel()[order])
    assert (RULES[name].probabilities(nodes, nodes).ravel()[order] <= bounds + 1e-12).all()
    assert (np.diff(bounds) <= 0).all()


def test_tables_end_somewhere():
    _, bound = bound_of(RULES["reduced table"])
    assert bound(np.array([95.0]))[0] == 0
    assert bound(np.array([93.0]))[0] > 0  # the farthest corner: 80 across, 50 along


def test_of_unknown_rules_no_bound_is_known():
    assert bound_of(Pathways((), ())) is None
