"""Rules as somebody writes them: what is odd or lacks is told in plain words."""

import logging

import numpy as np
import pandas as pd
import pytest

from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.manipulate import wire

C = Connectome(pd.DataFrame({"x": [0.0, 1.0, 500.0], "y": 0.0, "z": 0.0, "ei": ["e", "i", "e"]}), [], [])


def wired(rule, **options):
    return wire(C, rule=rule, **options, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"kind": "Exponential", "a": 1}, r"wire\.rule: Exponential takes a, b, positions; b is not given\. Give it\."),
        ({"kind": "Constant"}, r"wire\.rule: Constant takes p; p is not given"),
        ({"kind": "Exponential", "a": 1, "b": "near"}, "b is 'near'; give a finite number"),
        ("o2.json", r"wire\.rule: 'o2\.json' is text; a model in a file is given as \{path: o2\.json\}\."),
    ],
)
def test_what_lacks_is_told(rule, message):
    with pytest.raises(OptionError, match=message) as told:
        wired(rule)
    assert "__init__" not in str(told.value)


def test_a_model_named_as_text_is_told():
    with pytest.raises(OptionError, match=r"wire\.synapses: 's\.json' is text; .*\{path: s\.json\}"):
        wired({"kind": "Constant", "p": 0.5}, synapses="s.json")


def test_a_probability_above_1_is_told_and_connects_all_near_pairs(caplog):
    rule = {"kind": "Exponential", "a": 2, "b": 0.01}
    pathways = {"kind": "Pathways", "by": "ei", "rules": [{"pre": "e", "post": "i", "rule": rule}]}
    for each in (rule, pathways):
        caplog.clear()
        after = wired(each)
        assert (after.edges[["pre", "post"]] == [0, 1]).all(axis=1).any()
        told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert len(told) == 1
        assert told[0].startswith("wire.rule: a is 2; a probability above 1")
    caplog.clear()
    wired({"kind": "Exponential", "a": 1, "b": 0.01})
    assert not caplog.records or all(record.levelno < logging.WARNING for record in caplog.records)
