"""The noun Task, and how a store keeps it."""

import copy

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntap.errors import OptionError
from conntap.store import decode, encode
from conntap.train import Task


def a_task(**changed):
    parts = {"inputs": np.arange(24.0).reshape(4, 3, 2), "targets": [0, 1, 1, 2]}
    return Task(**{**parts, **changed})


def test_a_class_for_each_sample_counts_at_every_step():
    task = a_task()
    assert task.targets.tolist() == [[0] * 3, [1] * 3, [1] * 3, [2] * 3]
    assert task.mask.all()
    assert (len(task), task.n_steps, task.n_in, task.n_out, task.chance) == (4, 3, 2, 3, 0.5)


def test_values_have_a_number_for_each_output():
    task = a_task(targets=np.ones((4, 3, 5)), kind="values")
    assert task.n_out == 5
    assert np.isnan(task.chance)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"inputs": np.zeros((4, 3))}, "Task.inputs: shape"),
        ({"inputs": np.zeros((0, 3, 2))}, "Task.inputs: shape"),
        ({"inputs": np.full((4, 3, 2), np.nan)}, "Task.inputs: some values are not finite"),
        ({"targets": [0, 1]}, "Task.targets: shape"),
        ({"targets": [0, 1, 1, -1]}, "Task.targets: int64"),
        ({"targets": [0.5] * 4}, "Task.targets: float64"),
        ({"targets": np.full((4, 3, 1), np.inf), "kind": "values"}, "Task.targets: some values"),
        ({"targets": np.zeros((4, 2, 1)), "kind": "values"}, "Task.targets: shape"),
        ({"mask": np.zeros((4, 3), dtype=bool)}, "no step of sample 0 counts"),
        ({"mask": np.ones((4, 3))}, "Task.mask: float64"),
        ({"kind": "spikes"}, "Task.kind: 'spikes'"),
        ({"n_out": 2}, "Task.n_out: 2, but the targets have 3"),
        ({"samples": pd.DataFrame({"a": [1]})}, "Task.samples: 1 rows for 4 samples"),
    ],
)
def test_what_does_not_fit_is_told(changed, told):
    with pytest.raises(OptionError, match=told):
        a_task(**changed)


def test_a_store_keeps_a_task_whole():
    task = a_task(samples=pd.DataFrame({"strength": [0.1, 0.2, 0.3, 0.4], "kind": list("abab")}), about={"task": "own"})
    found = decode(encode(task))
    for name in ("inputs", "targets", "mask"):
        np.testing.assert_array_equal(getattr(found, name), getattr(task, name))
    pd.testing.assert_frame_equal(found.samples, task.samples)
    assert (found.kind, found.n_out, found.about, repr(found)) == (task.kind, task.n_out, task.about, repr(task))


def test_nobody_can_write_to_a_task_and_its_inputs_stay_as_they_were():
    given = np.zeros((4, 3, 2), dtype=np.float32)
    task = a_task(inputs=given)
    with pytest.raises(ValueError, match="read-only"):
        task.inputs[0] = 1
    assert given.flags.writeable
    other = copy.deepcopy(task)
    assert other.inputs is task.inputs
    assert other.samples is not task.samples


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_samples_are_equal_where_their_fingerprints_are(rows):
    task = a_task()
    taken = task.taken(rows)
    assert taken.fingerprints().tolist() == task.fingerprints()[rows].tolist()
    assert taken.n_out == task.n_out
    assert len(set(taken.fingerprints().tolist())) == len(set(rows))


def test_other_targets_or_another_mask_make_another_fingerprint():
    mask = np.ones((4, 3), dtype=bool)
    mask[0, 0] = False
    prints = [each.fingerprints()[0] for each in (a_task(), a_task(targets=[1, 1, 1, 2]), a_task(mask=mask))]
    assert len(set(prints)) == 3


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"inputs": [[["a"]]], "targets": [0]}, r"Task.inputs: could not convert.*Give numbers"),
        ({"inputs": [[[1.0]], [[1.0], [2.0]]], "targets": [0, 1]}, r"Task.inputs: .*as many channels"),
        ({"inputs": np.full((1, 1, 1), 1e300), "targets": [0]}, r"Task.inputs: some values are not finite"),
        ({"inputs": np.zeros((1, 1, 1)), "targets": [[["a"]]], "kind": "values"}, r"Task.targets: could not convert"),
        ({"inputs": np.zeros((1, 1, 1)), "targets": [0], "n_out": "3"}, r"Task.n_out: '3'; give a whole number"),
        ({"inputs": np.zeros((1, 1, 1)), "targets": [0], "samples": [1]}, r"Task.samples: a list; give a table"),
    ],
)
def test_what_is_no_number_or_no_table_is_told(given, told):
    with pytest.raises(OptionError, match=told):
        Task(**given)
