"""What is known of the recorded nodes: a table that goes with spikes and traces."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conntap.activity import Spikes, Traces
from conntap.errors import ActivityError
from conntap.store import codecs, open_store

TABLE = pd.DataFrame({"x": [1.0, 2.0, 3.0], "ei": ["E", "I", None]}, index=[3, 5, 9])


def made(kind, **options):
    if kind == "spikes":
        return Spikes([5, 3], [4.0, 1.0], duration_ms=10, **options)
    return Traces(np.arange(6.0).reshape(2, 3), dt_ms=5, **options)


@pytest.mark.parametrize("kind", ["spikes", "traces"])
def test_a_table_of_nodes_gives_the_ids_and_follows_their_order(kind):
    assert made(kind, nodes=TABLE).ids.tolist() == [3, 5, 9]
    assert made(kind, nodes=TABLE, ids=[9, 3, 5]).nodes["x"].tolist() == [3.0, 1.0, 2.0]
    assert made(kind, ids=[3, 5, 9]).nodes.shape == (3, 0)


@pytest.mark.parametrize("kind", ["spikes", "traces"])
def test_the_table_stays_through_cuts_pickling_and_the_store(kind):
    activity = made(kind, nodes=TABLE)
    assert activity.between(0, 5).nodes.equals(activity.nodes)
    assert activity.of([9, 3]).nodes["x"].tolist() == [3.0, 1.0]
    assert pickle.loads(pickle.dumps(activity)) == activity
    assert codecs.decode(codecs.encode(activity)) == activity


@pytest.mark.parametrize("kind", ["spikes", "traces"])
def test_two_tables_make_two_activities(kind):
    assert made(kind, nodes=TABLE) != made(kind, nodes=TABLE.assign(x=0.0))
    assert made(kind, nodes=TABLE) != made(kind, ids=[3, 5, 9])
    assert "node properties: x, ei" in repr(made(kind, nodes=TABLE))


def test_the_table_handed_out_is_a_copy_and_the_one_given_is_untouched():
    given = TABLE.copy()
    spikes = made("spikes", nodes=given)
    given.loc[3, "x"] = 7.0
    handed = spikes.nodes
    handed.loc[5, "x"] = 7.0
    assert spikes.nodes["x"].tolist() == [1.0, 2.0, 3.0]
    assert TABLE.index.name is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nodes": [1, 2]}, "give a table indexed by the ids"),
        ({"nodes": TABLE.iloc[:2], "ids": [3, 5, 9]}, "are not among the 2 recorded: 9"),
        ({"nodes": TABLE.set_axis([3, 3, 9])}, "3 stands twice"),
        ({"nodes": TABLE.set_axis(["x", "x"], axis=1)}, "a column stands twice"),
    ],
)
def test_tables_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ActivityError, match=message):
        made("spikes", **options)


def test_activity_that_version_1_wrote_still_reads():
    with open_store(Path(__file__).parent / "archive" / "activity-v1.h5") as store:
        spikes, traces = next(iter(store["spikes"])), next(iter(store["traces"]))
    assert spikes == Spikes(["b", "a", "b"], [1, 2, 2.5], duration_ms=10, ids=["a", "b", "c"], start_ms=0.5)
    assert traces == Traces(np.arange(6.0).reshape(3, 2), dt_ms=0.1, ids=[7, 9], start_ms=1.0, unit="mV")
