"""Which cases of its input a stage takes: some by their size, and some of these at random."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

from conntap.circuits import Circuit, Connectome
from conntap.errors import ConntapError, StudyError
from conntap.seeds import digest

__all__ = ["Inside", "Window", "selected_cases"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Window:
    """Cases of `least` to `most` nodes and of so many `connections`, all bounds included, and how many are drawn of them
    (None for all).

    `least` None takes cases of any number of nodes, known or not; `connections` None likewise.
    """

    least: int | None = None
    most: int | None = None
    draw: int | None = None
    connections: tuple[int, int | None] | None = None

    def __str__(self) -> str:
        drawn = "" if self.draw is None else f"draw {self.draw} of "
        bounds = [] if self.least is None else [_shown(self.least, self.most, "nodes")]
        bounds += [] if self.connections is None else [_shown(*self.connections, "connections")]
        return drawn + (" with ".join(bounds) or "all")


def _shown(least: int, most: int | None, what: str) -> str:
    return f"{least} {what} or more" if most is None else f"{least} to {most} {what}"


@dataclass(frozen=True, eq=False)
class Inside:
    """What a circuit, a connectome or a subtarget holds, counted before anything runs; `edges` as in
    `circuits.connectome`."""

    target: Any
    edges: str | None = None

    @cached_property
    def nodes(self) -> int | None:
        """The number of nodes; None where it is not certain which nodes are meant."""
        if isinstance(self.target, Connectome):
            return self.target.n_nodes if self.target.is_square else None
        if not isinstance(self.target, Circuit):
            return len(self.target)
        try:
            return self.target.nodes().size
        except ConntapError:
            return None

    @cached_property
    def connections(self) -> int:
        """The number of connections among the nodes: parallel edges count once, loops not. Reads the edges."""
        from conntap.analyze.graphs import simple
        from conntap.circuits import connectome

        _log.info("select: counting the connections of %r", self.target)
        return len(simple(connectome(self.target, edges=self.edges, properties=[]), "connections")[1])

    def through(self, edges: str | None) -> Inside:
        """The same by edges of that name; None for the same edges."""
        return self if edges is None or edges == self.edges else Inside(self.target, edges)


class _Sized(Protocol):
    @property
    def nodes(self) -> int | None: ...
    @property
    def inside(self) -> Inside | None: ...
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
        A window by nodes or connections where these are not known before anything runs or cannot be counted, or one
        that no case is in.
    """
    for what, asked, known in (
        ("nodes", any(each.least is not None for each in windows), all(each.nodes is not None for each in cases)),
        ("connections", any(each.connections for each in windows), all(each.inside is not None for each in cases)),
    ):
        if asked and not known:
            raise StudyError(
                f"{where}: how many {what} the cases of {source} have is known only after it ran. Select where a stage "
                "takes from subtargets or circuits, or from their circuits.connectome; what takes from that stage has "
                "its cases."
            )
    taken: set[str] = set()
    for window in windows:
        taken |= _drawn(cases, window, seed, where, source)
    return [case for case in cases if case.origin in taken]


def _drawn(cases: Sequence[_Sized], window: Window, seed: int, where: str, source: str) -> set[str]:
    fitting = [case for case in cases if window.least is None or _within(case.nodes, window.least, window.most)]
    inside = {case.origin for case in _connected(fitting, window, where, source)}
    if not inside:
        there = _sizes(cases, fitting, window)
        raise StudyError(f"{where}: {window}: no case of {source} is in this window; {there}. Choose another.")
    if window.draw is None:
        return inside
    if window.draw > len(inside):
        _log.warning("%s: %s: there are only %d, which are all taken.", where, window, len(inside))
    return set(sorted(inside, key=lambda origin: digest(seed, "select", origin))[: window.draw])


def _connected(cases: list[Any], window: Window, where: str, source: str) -> list[Any]:
    """The cases with as many connections as a window asks for."""
    if window.connections is None:
        return cases
    try:
        return [case for case in cases if _within(case.inside.connections, *window.connections)]
    except (ConntapError, OSError) as error:
        raise StudyError(f"{where}: the connections of {source} cannot be counted: {error}") from error


def _sizes(cases: Sequence[Any], fitting: list[Any], window: Window) -> str:
    """What sizes the cases have that a window finds none among: "these have 1 to 6 nodes"."""
    if window.connections is not None and fitting:
        sizes, what = sorted(case.inside.connections for case in fitting), "connections"
    else:
        sizes, what = sorted(case.nodes for case in cases if case.nodes is not None), "nodes"
    return f"these have {sizes[0]} to {sizes[-1]} {what}" if sizes else "there are none"


def _within(size: int | None, least: int, most: int | None) -> bool:
    return size is not None and least <= size and (most is None or size <= most)
