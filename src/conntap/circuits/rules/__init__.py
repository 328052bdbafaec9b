"""Connection rules: how likely a connection is between two nodes; evaluated, drawn and fitted."""

from __future__ import annotations

from conntap.circuits.rules.fitting import Fit, fit
from conntap.circuits.rules.points import places, points
from conntap.circuits.rules.values import Bipolar, Constant, Exponential, Pathways, Rule, draw, rule_from_dict

__all__ = [
    "Bipolar",
    "Constant",
    "Exponential",
    "Fit",
    "Pathways",
    "Rule",
    "draw",
    "fit",
    "places",
    "points",
    "rule_from_dict",
]
