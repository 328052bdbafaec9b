"""What a check of a circuit finds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding", "error", "odd"]


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Parameters
    ----------
    level
        `error`: the circuit, or a part of it, cannot be read rightly. `odd`: it can, but other readers may
        refuse it, or something is not as one would expect.
    where
        The file, population, dataset or key.
    what
        What is so, and what to do where that is not plain.

    Examples
    --------
    >>> print(Finding("odd", "nodes.h5:/nodes/cells", "2 groups; libsonata reads one"))
    odd: nodes.h5:/nodes/cells: 2 groups; libsonata reads one
    """

    level: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.level}: {self.where}: {self.what}"


def error(where: str, what: str) -> Finding:
    """A finding of something wrong."""
    return Finding("error", where, what)


def odd(where: str, what: str) -> Finding:
    """A finding of something that other readers may refuse, or that one would not expect."""
    return Finding("odd", where, what)
