"""Samples to train on and other samples to validate on."""

from __future__ import annotations

import numpy as np

from conntap.errors import OptionError
from conntap.train.task import Task

__all__ = ["parted"]


def parted(task: Task, validation: Task | None, *, share: float, rng: np.random.Generator) -> tuple[Task, Task | None]:
    """The task to train on and the one to validate on, which have no sample in common.

    Parameters
    ----------
    validation
        Samples to validate on; None: a share of the task's. Samples that are equal stay together, so of few kinds of samples
        a share may be a little more or less.
    share
        From 0 (no validation) to below 1.

    Raises
    ------
    OptionError
        The tasks do not fit each other or have samples in common; too few different samples.

    Notes
    -----
    Linear in the numbers of the task.

    Examples
    --------
    >>> task = Task(np.arange(20.0).reshape(10, 1, 2), np.arange(10) % 2)
    >>> [len(part) for part in parted(task, None, share=0.2, rng=np.random.default_rng(1))]
    [8, 2]
    """
    prints = task.fingerprints()
    if validation is not None:
        _check_fit(task, validation, prints)
        return task, validation
    if share == 0:
        return task, None
    kinds, of = np.unique(prints, return_inverse=True)
    if len(kinds) < 2:
        raise OptionError(
            "fit.task: all samples are equal; none is left to validate on. Give others, or training.validation: 0."
        )
    order = rng.permutation(len(kinds))
    sizes = np.cumsum(np.bincount(of)[order])
    taken = int(np.clip(np.searchsorted(sizes, share * len(task) - 0.5) + 1, 1, len(kinds) - 1))
    is_validation = np.isin(of, order[:taken])
    return task.taken(np.flatnonzero(~is_validation)), task.taken(np.flatnonzero(is_validation))


def _check_fit(task: Task, validation: Task, prints: np.ndarray) -> None:
    for name in ("kind", "n_in", "n_out"):
        mine, other = getattr(task, name), getattr(validation, name)
        if mine != other:
            raise OptionError(f"fit.validation: {name} is {other}, of the task {mine}. Make both by the same step.")
    shared = int(np.isin(validation.fingerprints(), prints).sum())
    if shared:
        raise OptionError(
            f"fit.validation: {shared} of {len(validation)} samples are among those to train on. Make it of other samples "
            "(part: test), or leave it out: then a share of the task's own is held back."
        )
