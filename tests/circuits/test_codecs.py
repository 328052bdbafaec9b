"""Connectomes and subtargets as values of a store."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from strategies import connectomes

from conntap.circuits.connectome import Connectome
from conntap.circuits.subtargets import Subtarget, Subtargets
from conntap.circuits.subtargets.named import groups
from conntap.store import codecs


def stored(value):
    return codecs.decode(codecs.encode(value))


@settings(deadline=None, max_examples=50)
@given(c=connectomes(square=None))
def test_a_connectome_comes_back_equal(c):
    back = stored(c)
    assert back == c
    assert back.is_square == c.is_square


def test_name_and_missing_text_come_back():
    c = Connectome(["a", "b"], [0, 1], [1, 1], properties={"kind": ["e", None]}, name="pair")
    back = stored(c)
    assert back.name == "pair"
    assert back.properties["kind"].isna().tolist() == [False, True]


def test_encoding_leaves_the_connectome_untouched():
    c = Connectome(2, [0], [1], properties={"w": [0.5]})
    before = c.edges.copy()
    codecs.encode(c)
    assert c.edges.equals(before)
    assert c.pre.dtype == np.int32


def test_subtargets_come_back_without_their_source():
    c = Connectome(pd.DataFrame({"layer": ["L1", "L2", "L1"]}, index=[10, 20, 30]), [], [])
    chosen = groups(c, by="layer")
    back = stored(chosen)
    assert back.names == chosen.names
    assert [each.ids.tolist() for each in back] == [[10, 30], [20]]
    assert back["L1"].source is None
    pd.testing.assert_frame_equal(back.info, chosen.info)


@pytest.mark.parametrize("ids", [np.array([3, 5]), np.array(["a", "b"], dtype=object), np.empty(0, dtype=np.int64)])
def test_subtargets_of_any_ids_come_back(ids):
    one = Subtarget("one", None, "v1", ids)
    back = stored(Subtargets([one]))["one"]
    assert back.ids.tolist() == ids.tolist()
    assert (back.population, dict(back.info)) == ("v1", {})


def test_no_subtargets_come_back_as_none():
    assert len(stored(Subtargets([]))) == 0
