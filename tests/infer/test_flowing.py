"""Lazy traces flow through filters in any pieces and give the same values."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntap import Traces
from conntap.errors import ActivityError
from conntap.infer.flowing import Flow, Pointwise, like, mapped


class Lazy:
    """An array that is not a numpy array, and counts the rows read."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.rows = values, values.shape, values.dtype, 0

    def __getitem__(self, key):
        found = self.values[key]
        self.rows += len(found)
        return found


class Delayed:
    """Gives each row two rows late."""

    def __init__(self):
        self.held = None

    def push(self, block):
        seen = block if self.held is None else np.concatenate([self.held, block])
        self.held = seen[max(0, len(seen) - 2) :]
        return seen[: len(seen) - len(self.held)]

    def finish(self):
        return self.held


def running():
    return Running()


class Running:
    """The sum so far."""

    def __init__(self):
        self.sum = 0

    def push(self, block):
        out = self.sum + np.cumsum(block, axis=0)
        self.sum, self.none = out[-1:] if len(out) else self.sum, out[:0]
        return out

    def finish(self):
        return self.none


VALUES = np.arange(40).reshape(20, 2)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=6), st.integers(1, 64))
def test_any_reads_in_any_order_give_the_rows(reads, size):
    import conntap.infer.flowing as module

    kept, module._BYTES = module._BYTES, size
    try:
        flow = Flow(Lazy(VALUES), Delayed)
        for first, stop in reads:
            assert np.array_equal(flow[first:stop], VALUES[first:stop])
    finally:
        module._BYTES = kept


def test_reading_in_order_reads_the_source_once(monkeypatch):
    monkeypatch.setattr("conntap.infer.flowing._BYTES", 3 * 16)
    source = Lazy(VALUES)
    traces = mapped(Traces(source, dt_ms=1), running)
    found = np.concatenate(list(traces.pieces(7)))
    assert np.array_equal(found, VALUES.cumsum(axis=0))
    assert source.rows == 20


def test_rows_columns_and_single_frames_can_be_asked_for():
    flow, whole = Flow(Lazy(VALUES), running), VALUES.cumsum(axis=0)
    assert np.array_equal(flow[::-3], whole[::-3])
    assert np.array_equal(flow[[5, 1]], whole[[5, 1]])
    assert np.array_equal(flow[4], whole[4])
    assert np.array_equal(flow[2:9, [1]], whole[2:9, [1]])
    assert np.array_equal(np.asarray(flow[:, [1, 0]][:, 0:1]), whole[:, 1:])
    assert np.array_equal(np.asarray(flow), whole)
    assert len(flow) == 20


def test_chosen_nodes_stay_lazy():
    source = Lazy(VALUES)
    chosen = mapped(Traces(source, dt_ms=1), running).of([1])
    assert source.rows == 0
    assert np.array_equal(chosen.to_numpy(), VALUES.cumsum(axis=0)[:, 1:])


def test_a_flow_of_a_flow_can_be_sent_to_another_process():
    flow = Flow(Flow(VALUES, Delayed), running)
    back = pickle.loads(pickle.dumps(flow))
    assert np.array_equal(back[:], VALUES.cumsum(axis=0))


def test_nan_is_refused_when_it_is_read_and_again():
    values = np.zeros((30, 3))
    values[20, 2] = np.nan
    with pytest.raises(ActivityError, match=r"here: NaN or infinity in 1 of 3 channels \(columns 2\).*infer.mended"):
        mapped(Traces(values, dt_ms=1), running, where="here")
    lazy = mapped(Traces(Lazy(values), dt_ms=1), running, where="here")
    for _ in range(2):
        with pytest.raises(ActivityError, match="here: NaN"):
            lazy.to_numpy()


def test_what_is_known_of_the_nodes_stays():
    import pandas as pd

    traces = Traces([[1.0, 2.0]], dt_ms=5, start_ms=7, unit="dF/F", nodes=pd.DataFrame({"x": [1, 2]}, index=[8, 9]))
    made = like(traces, np.zeros((1, 2)))
    assert made.nodes.equals(traces.nodes)
    assert (made.start_ms, made.dt_ms, made.unit) == (7, 5, "dF/F")


def test_nothing_flows_too():
    assert mapped(Traces(np.zeros((0, 3)), dt_ms=1), lambda: Pointwise(np.negative)).n_steps == 0
    assert Flow(Lazy(np.zeros((0, 3))), Delayed)[:].shape == (0, 3)
