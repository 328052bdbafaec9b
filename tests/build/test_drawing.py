"""Connections drawn by any rule: each pair with its probability."""

import numpy as np
import pandas as pd
import pytest

from conntap.build.drawing import draw_by_rule
from conntap.circuits.rules import (
    Bin,
    Constant,
    DoubleExponential,
    Exponential,
    Interpolated,
    Listed,
    Pathways,
    Placed,
    PositionTable,
)
from conntap.errors import OptionError


class Foreign:
    """A rule nobody knows."""

    def probabilities(self, pre, post):
        return np.where(pre["x"].to_numpy()[:, None] < post["x"].to_numpy()[None, :], 0.7, 0.2)


SHIFTED = PositionTable(("x",), np.arange(8), np.arange(8)[:, None] * 30.0)
RULES = [
    Interpolated(
        (("offset", "x"), ("offset", "y")), (Bin(-100.0, 40.0, 5),) * 2, np.random.default_rng(1).random((5, 5))
    ),
    Pathways(("g",), (("a", "b", Constant(0.7)), ("b", "b", DoubleExponential(0.5, 0.001, 2.0, 0.4, 0.01)))),
    Listed(np.array([0, 1, 5, 99]), np.array([1, 5, 5, 2]), np.array([0.5, 0.2, 1.0, 1.0])),
    Placed(Exponential(1.0, 0.02, ("x",)), SHIFTED, SHIFTED),
    Foreign(),
]


@pytest.fixture
def nodes():
    found = pd.DataFrame(np.random.default_rng(0).uniform(0, 100, (8, 3)), columns=list("xyz"))
    return found.assign(g=["a", "b"] * 4)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_each_pair_comes_with_its_probability_and_none_with_itself(rule, nodes):
    chances = rule.probabilities(nodes, nodes)
    np.fill_diagonal(chances, 0.0)
    hits = np.zeros((8, 8))
    for seed in range(700):
        hits[draw_by_rule(rule, nodes, nodes, np.arange(8), seed=seed, where="example")] += 1
    assert (np.abs(hits - 700 * chances) <= 4.5 * np.sqrt(700 * chances * (1 - chances)) + 1e-9).all()


def test_the_nodes_are_untouched(nodes):
    before = nodes.copy()
    draw_by_rule(RULES[1], nodes, nodes, np.arange(8), seed=1, where="example")
    pd.testing.assert_frame_equal(nodes, before)


class Blank:
    """A rule that knows nothing."""

    def probabilities(self, pre, post):
        return np.full((len(pre), len(post)), np.nan)


@pytest.mark.parametrize("rule", [Exponential(0.5, 0.1), Blank()], ids=["ours", "another"])
def test_nodes_without_what_a_rule_takes_are_told(rule, nodes):
    nodes.loc[2, "x"] = np.nan
    with pytest.raises(OptionError, match=r"example: .*lack"):
        draw_by_rule(rule, nodes, nodes, np.arange(8), seed=1, where="example")
