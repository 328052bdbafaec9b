"""The noun Task: sequences of inputs, what is to be answered, and when."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.errors import OptionError, known, whole

__all__ = ["Kind", "Task"]

Kind = Literal["classes", "values"]
"""What is to be answered: one of some classes, or numbers."""


@dataclass(frozen=True, eq=False)
class Task:
    """Sequences of inputs and their targets.

    Parameters
    ----------
    inputs
        Shape (samples, steps, channels); becomes float32.
    targets
        Classes: whole numbers from 0 on of shape (samples,) or (samples, steps). Values: shape (samples, steps, outputs).
    mask
        Shape (samples, steps): the steps at which an answer counts; at least one of each sample. None: all.
    kind
        Whether targets are classes or values.
    n_out
        Number of outputs; None: one more than the greatest class, or what the targets have.
    samples
        A table of what each sample is, such as its difficulty: `evaluate` and `responses` group by its columns.
    about
        What JSON can hold: the name of the task and how it was made.

    Raises
    ------
    OptionError
        Shapes that do not fit each other, values that are not finite, classes that are none, a sample without an answer.

    Notes
    -----
    Four bytes a number. Arrays are read-only afterwards.

    Examples
    --------
    >>> task = Task(np.zeros((4, 5, 2)), [0, 1, 1, 0])
    >>> task
    Task(4 samples of 5 steps, 2 channels, 2 classes)
    """

    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray | None = None
    kind: Kind = "classes"
    n_out: int | None = None
    samples: pd.DataFrame | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        inputs = _floats(self.inputs, "Task.inputs")
        if inputs.ndim != 3 or 0 in inputs.shape:
            raise OptionError(f"Task.inputs: shape {inputs.shape}; give (samples, steps, channels), none of them 0.")
        if not np.isfinite(inputs).all():
            raise OptionError("Task.inputs: some values are not finite. Mend or leave out these samples.")
        if self.kind not in ("classes", "values"):
            raise OptionError(f"Task.kind: {self.kind!r}; known: classes, values.")
        targets = _targets(self.targets, self.kind, inputs.shape)
        mask = _mask(self.mask, inputs.shape)
        samples = pd.DataFrame(index=range(len(inputs))) if self.samples is None else self.samples
        if not isinstance(samples, pd.DataFrame):
            raise OptionError(f"Task.samples: a {type(samples).__name__}; give a table with a row for each sample.")
        if len(samples) != len(inputs):
            raise OptionError(f"Task.samples: {len(samples)} rows for {len(inputs)} samples; give one each.")
        found = {"inputs": inputs, "targets": targets, "mask": mask, "n_out": _n_out(self.n_out, targets, self.kind)}
        for name, value in found.items():
            if isinstance(value, np.ndarray):
                value = value.view()
                value.flags.writeable = False
            object.__setattr__(self, name, value)
        object.__setattr__(self, "samples", samples.reset_index(drop=True))
        object.__setattr__(self, "about", dict(self.about))

    def __len__(self) -> int:
        return len(self.inputs)

    def __deepcopy__(self, memo: Any) -> Task:
        """The same arrays, which nobody can write to, beside a copy of the table."""
        made = copy.copy(self)
        object.__setattr__(made, "samples", self.samples.copy())  # type: ignore[union-attr]
        return made

    def __repr__(self) -> str:
        name = f"{self.about['task']}: " if "task" in self.about else ""
        what = "classes" if self.kind == "classes" else "outputs"
        return f"Task({name}{len(self)} samples of {self.n_steps} steps, {self.n_in} channels, {self.n_out} {what})"

    @property
    def n_steps(self) -> int:
        """Number of steps of a sample."""
        return int(self.inputs.shape[1])

    @property
    def n_in(self) -> int:
        """Number of channels of the inputs."""
        return int(self.inputs.shape[2])

    @property
    def chance(self) -> float:
        """The share of answers that are right when the most frequent class is always given; NaN for values."""
        if self.kind == "values":
            return float("nan")
        return float(np.bincount(self.targets[self.mask]).max() / self.mask.sum())  # type: ignore[union-attr]

    def taken(self, rows: Any) -> Task:
        """The task of some samples, given by their positions.

        Examples
        --------
        >>> len(Task(np.zeros((4, 5, 2)), [0, 1, 1, 0]).taken([0, 2]))
        2
        """
        rows = np.asarray(rows, dtype=np.int64)
        parts = (self.inputs[rows], self.targets[rows], self.mask[rows])  # type: ignore[index]
        return Task(*parts, self.kind, self.n_out, self.samples.iloc[rows], self.about)  # type: ignore[union-attr]

    def fingerprints(self) -> np.ndarray:
        """A number for each sample (int64) that is equal where inputs, targets and mask are.

        Examples
        --------
        >>> len(set(Task(np.zeros((3, 5, 2)), [0, 1, 1]).fingerprints().tolist()))
        2
        """
        found = np.empty(len(self), dtype=np.int64)
        for row, parts in enumerate(zip(self.inputs, self.targets, self.mask, strict=True)):  # type: ignore[arg-type]
            hashed = hashlib.blake2b(digest_size=8)
            for part in parts:
                hashed.update(part.tobytes())
            found[row] = np.frombuffer(hashed.digest(), dtype="<i8")[0]
        return found


def _floats(given: Any, where: str) -> np.ndarray:
    """Numbers as float32; what is none or beyond its range is told later, as not finite."""
    try:
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(given, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{where}: {error}. Give numbers, as many channels for each step of each sample.") from None


def _targets(given: Any, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    targets = _floats(given, "Task.targets") if kind == "values" else np.asarray(given)
    if kind == "values":
        if targets.ndim != 3 or targets.shape[:2] != shape[:2] or 0 in targets.shape:
            raise OptionError(f"Task.targets: shape {targets.shape}; values are ({shape[0]}, {shape[1]}, outputs).")
        if not np.isfinite(targets).all():
            raise OptionError(
                "Task.targets: some values are not finite. Mend them, or leave these steps out by the mask."
            )
        return targets
    if targets.shape not in (shape[:1], shape[:2]):
        raise OptionError(f"Task.targets: shape {targets.shape}; classes are ({shape[0]},) or {shape[:2]}.")
    if targets.dtype.kind not in "iu" or targets.min() < 0:
        raise OptionError(
            f"Task.targets: {targets.dtype} {known(np.unique(targets)[:3])} ...; classes are whole numbers from 0 on."
        )
    return np.ascontiguousarray(np.broadcast_to(targets.reshape(shape[0], -1), shape[:2]), dtype=np.int64)


def _mask(given: Any, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.ones(shape[:2], dtype=bool) if given is None else np.array(given)
    if mask.shape != shape[:2] or mask.dtype != bool:
        raise OptionError(f"Task.mask: {mask.dtype} of shape {mask.shape}; give booleans of shape {shape[:2]}.")
    if not mask.any(axis=1).all():
        row = int(np.argmin(mask.any(axis=1)))
        raise OptionError(f"Task.mask: no step of sample {row} counts. Let each sample have a step with an answer.")
    return mask


def _n_out(given: int | None, targets: np.ndarray, kind: str) -> int:
    found = targets.shape[2] if kind == "values" else int(targets.max()) + 1
    if given is None:
        return found
    whole("Task.n_out", given, 1)
    if given < found or (kind == "values" and given != found):
        raise OptionError(f"Task.n_out: {given}, but the targets have {found}. Give {found} or leave it out.")
    return int(given)
