"""Every error that conntap raises on purpose.

All say *where: what; what is known. What to do.* and derive from one root::

    ConntapError
    ├── CircuitError         a circuit's configuration, populations, tables or edges
    │   └── NodeSetError     a node set's definition or its look-up
    ├── ConnectomeError      a connectome in memory: shapes, ids, properties
    ├── FormatError          a file of edges or nodes that cannot be read or written as asked
    ├── ActivityError        spikes and traces
    ├── OptionError          an option of a verb that makes no sense for its input
    ├── StoreError           a store: wrong file, unknown stage, unknown case
    │   └── CorruptStoreError  a store or shard whose bytes are damaged
    ├── StudyError           a study document
    ├── RunError             running a study: lock, plan, executor
    ├── InterruptedRun       a run stopped by Ctrl-C or a signal; what is done is kept
    └── MissingExtra         an optional dependency is not installed (also an ImportError)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from numbers import Real
from operator import index
from typing import ParamSpec, TypeVar

__all__ = [
    "ActivityError",
    "CircuitError",
    "ConnectomeError",
    "ConntapError",
    "CorruptStoreError",
    "FormatError",
    "InterruptedRun",
    "MissingExtra",
    "NodeSetError",
    "OptionError",
    "RunError",
    "StoreError",
    "StudyError",
    "finite",
    "known",
    "one_of",
    "real",
    "rectangular",
    "told_as",
    "unknown",
    "whole",
]

Given = ParamSpec("Given")
Result = TypeVar("Result")


class ConntapError(Exception):
    """The root of every error that conntap raises on purpose."""


class CircuitError(ConntapError):
    """A circuit's configuration, populations, tables or edges are wrong."""


class NodeSetError(CircuitError):
    """A node set is unknown or its definition is wrong."""


class ConnectomeError(ConntapError):
    """A connectome in memory was asked for what it does not have, or built from what does not fit."""


class FormatError(ConntapError):
    """A file cannot be read or written in the format asked for or guessed."""


class ActivityError(ConntapError):
    """Spikes or traces do not fit together."""


class OptionError(ConntapError):
    """An option's value makes no sense for this input."""


class StoreError(ConntapError):
    """A store does not hold what was asked for, or is no store."""


class CorruptStoreError(StoreError):
    """The bytes of a store or a shard are damaged."""


class StudyError(ConntapError):
    """A study document is wrong."""


class RunError(ConntapError):
    """A study cannot be run as asked."""


class InterruptedRun(ConntapError):
    """A run was stopped from outside; everything finished until then is kept."""


class MissingExtra(ConntapError, ImportError):
    """An optional dependency is not installed.

    >>> str(MissingExtra("report", package="matplotlib", needed_for="drawing figures"))
    "drawing figures needs matplotlib, which is not installed. Install it: pip install 'conntap[report]'"
    """

    def __init__(self, extra: str, *, package: str, needed_for: str, install: str | None = None) -> None:
        install = install or f"pip install 'conntap[{extra}]'"
        super().__init__(f"{needed_for} needs {package}, which is not installed. Install it: {install}")


def known(names: Iterable[object], *, most: int = 12) -> str:
    """The known names as one phrase, shortened where they are many.

    >>> known(["b", "a"])
    'a, b'
    >>> known([])
    'none'
    """
    names = sorted(map(str, names))
    if len(names) > most:
        return ", ".join(names[:most]) + f" and {len(names) - most} more"
    return ", ".join(names) or "none"


def unknown(where: str, what: str, name: object, names: Iterable[object], *, most: int = 12) -> str:
    """The message for a name that is not known, with the nearest one that is.

    >>> unknown("stages.cut", "option", "fracton", ["fraction", "nodes"])
    "stages.cut: unknown option 'fracton'; known: fraction, nodes. Did you mean 'fraction'?"
    """
    names = [str(each) for each in names]
    near = get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{where}: unknown {what} {str(name)!r}; known: {known(names, most=most)}.{hint}"


def rectangular(where: str, n_pre: int, n_post: int) -> str:
    """The message for a connectome of two sets of nodes where one is needed.

    >>> rectangular("degrees", 2, 3)
    'degrees: the connectome is rectangular (2 pre, 3 post nodes); give a square one: one set of nodes.'
    """
    return (
        f"{where}: the connectome is rectangular ({n_pre} pre, {n_post} post nodes); give a square one: "
        "one set of nodes."
    )


def one_of(where: str, value: object, names: Iterable[str]) -> None:
    """Refuse a value that is none of a few names.

    >>> one_of("degrees.direction", "inn", ["in", "out"])
    Traceback (most recent call last):
    conntap.errors.OptionError: degrees.direction: unknown value 'inn'; known: in, out. Did you mean 'in'?
    """
    names = list(names)
    if not isinstance(value, str) or value not in names:
        raise OptionError(unknown(where, "value", value, names))


def whole(where: str, value: object, least: int) -> None:
    """Refuse what is no whole number from `least` on.

    >>> whole("compare.draws", 2.5, 1)
    Traceback (most recent call last):
    conntap.errors.OptionError: compare.draws: 2.5; give a whole number from 1 on.
    """
    try:
        is_fine = not isinstance(value, bool) and index(value) >= least  # type: ignore[arg-type]
    except TypeError:
        is_fine = False
    if not is_fine:
        raise OptionError(f"{where}: {value!r}; give a whole number from {least} on.")


def finite(value: object) -> bool:
    """Whether a value is a finite number: no text, no boolean.

    >>> finite(2), finite(float("nan")), finite("2"), finite(True)
    (True, False, False, False)
    """
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def real(
    where: str, value: object, *, least: float = -math.inf, most: float = math.inf, above: float = -math.inf
) -> None:
    """Refuse what is no finite number from `least` to `most`, or above a bound.

    >>> real("culture.within", "all", least=0, most=1)
    Traceback (most recent call last):
    conntap.errors.OptionError: culture.within: 'all'; give a number from 0 to 1.
    """
    if finite(value) and least <= value <= most and value > above:  # type: ignore[operator]
        return
    low = f"above {above:g}" if above > -math.inf else f"from {least:g}" if least > -math.inf else ""
    high = f"to {most:g}" if most < math.inf else "on" if low.startswith("from") else ""
    wish = " ".join(part for part in (low, high) if part) or "that is finite"
    raise OptionError(f"{where}: {value!r}; give a number {wish}.")


def told_as(name: str, function: Callable[Given, Result]) -> Callable[Given, Result]:
    """The same function, in whose option errors the name of who raised them is that of who was asked.

    >>> told_as("compare", whole)("draw.draws", 2.5, 1)
    Traceback (most recent call last):
    conntap.errors.OptionError: compare.draws: 2.5; give a whole number from 1 on.
    """

    def named(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except OptionError as error:
            told = re.sub(r"^[a-z_]+( [a-z]+)*(?=[.:])", name, str(error))
            raise (error if told == str(error) else OptionError(told)) from error.__cause__

    return named
