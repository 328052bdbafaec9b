"""Which cases of its input a stage takes: some by their size, and some of these at random."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from conntap.errors import StudyError
from conntap.seeds import digest

__all__ = ["Window", "selected_cases"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Window:
    """Cases of `least` to `most` nodes, both included, and how many are drawn of them (None for all).

    `least` None takes cases of any size, known or not.
    """

    least: int | None = None
    most: int | None = None
    draw: int | None = None

    def __str__(self) -> str:
        drawn = "" if self.draw is None else f"draw {self.draw} of "
        if self.least is None:
            return f"{drawn}all"
        return (
            f"{drawn}{self.least} nodes or more" if self.most is None else f"{drawn}{self.least} to {self.most} nodes"
        )


class _Sized(Protocol):
    @property
    def nodes(self) -> int | None: ...
    @property
    def origin(self) -> str: ...


_Case = TypeVar("_Case", bound=_Sized)


def selected_cases(
    cases: Sequence[_Case], windows: Sequence[Window], *, seed: int, where: str, source: str
) -> list[_Case]:
    """The cases in any of the windows, in their order.

    What is drawn are origins (circuits, subtargets): a case is taken with all repeats and sweeps of its origin. Each
    origin has a rank that derives from the seed and from what it is; a window takes those of the lowest ranks. So other
    windows, wider bounds or more draws exchange as few cases as can be, and all stages of one study draw alike.

    Raises
    ------
    StudyError
        A window by nodes where these are not known before anything runs, or one that no case is in.
    """
    if any(window.least is not None for window in windows) and any(case.nodes is None for case in cases):
        raise StudyError(
            f"{where}: how many nodes the cases of {source} have is known only after it ran. Select where a stage takes "
            "from subtargets, or from their circuits.connectome; what takes from that stage has its cases."
        )
    taken: set[str] = set()
    for window in windows:
        taken |= _drawn(cases, window, seed, where, source)
    return [case for case in cases if case.origin in taken]


def _drawn(cases: Sequence[_Sized], window: Window, seed: int, where: str, source: str) -> set[str]:
    inside = {case.origin for case in cases if _is_in(case.nodes, window)}
    if not inside:
        sizes = sorted(case.nodes for case in cases if case.nodes is not None)
        there = f"these have {sizes[0]} to {sizes[-1]} nodes" if sizes else "there are none"
        raise StudyError(f"{where}: {window}: no case of {source} is in this window; {there}. Choose another.")
    if window.draw is None:
        return inside
    if window.draw > len(inside):
        _log.warning("%s: %s: there are only %d, which are all taken.", where, window, len(inside))
    return set(sorted(inside, key=lambda origin: digest(seed, "select", origin))[: window.draw])


def _is_in(nodes: int | None, window: Window) -> bool:
    if window.least is None or nodes is None:
        return window.least is None
    return window.least <= nodes and (window.most is None or nodes <= window.most)
