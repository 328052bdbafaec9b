"""Units of work in batches: units of one input together, the largest first onto the least loaded.

A batch is a file of units that people can read and run by hand; which units it holds depends on nothing but the study.
What runs where, and in which order, is settled when a study is launched (`conntap.study.jobs`).
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["Batch", "Unit", "balanced", "batched"]

_BATCHES = 64
_MOST_UNITS = 500

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of work; all of it is plain values, so that a batch is a file that people can read."""

    key: str
    case: Mapping[str, Any]
    inputs: Mapping[str, Mapping[str, Any]]
    options: Mapping[str, Any]
    references: Mapping[str, Mapping[str, Any]]
    control: Mapping[str, Any] | None
    slicing: Mapping[str, Any] | None
    made: Mapping[str, Any]
    load: float = 1.0
    position: int = 0

    def plain(self) -> dict[str, Any]:
        """The unit as JSON takes it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Batch:
    """Units that one job runs one after the other."""

    number: int
    units: Sequence[Unit]

    @property
    def load(self) -> float:
        """The sum of its units' loads."""
        return sum(unit.load for unit in self.units)


def batched(units: Sequence[Unit]) -> list[Batch]:
    """Units of one input stay together where that keeps the balance, those of one draw always; longest first onto the
    least loaded.

    64 batches, or as many as there are units; more where each would hold more than 500 units.
    """
    wanted = max(_BATCHES, -(-len(units) // _MOST_UNITS))
    most = sum(unit.load for unit in units) / wanted
    chunks: list[list[Unit]] = []
    for _, same in itertools.groupby(units, key=lambda unit: unit.inputs):
        first = True
        load = 0.0
        for _, drawn in itertools.groupby(same, key=lambda unit: unit.case):
            draw = list(drawn)
            added = sum(each.load for each in draw)
            if first or load + added > most or len(chunks[-1]) + len(draw) > _MOST_UNITS:
                chunks.append(draw)
                load = added
            else:
                chunks[-1] += draw
                load += added
            first = False
    parts = balanced(((sum(unit.load for unit in chunk), chunk) for chunk in chunks), wanted)
    return [Batch(number, [unit for chunk in part for unit in chunk]) for number, part in enumerate(parts)]


def balanced(weighted: Iterable[tuple[float, T]], parts: int) -> list[list[T]]:
    """Things shared out among at most so many parts: the heaviest first, each to the part that has least.

    Within a part they keep the order in which they came. No part is empty.

    Examples
    --------
    >>> balanced([(1, "a"), (2, "b"), (3, "c"), (4, "d"), (100, "e")], 4)
    [['e'], ['d'], ['c'], ['a', 'b']]
    """
    things = list(weighted)
    heap = [(0.0, 0, number) for number in range(min(parts, len(things)))]
    held: list[list[int]] = [[] for _ in heap]
    for position in sorted(range(len(things)), key=lambda i: (-things[i][0], i)):
        load, number_held, number = heapq.heappop(heap)
        held[number].append(position)
        heapq.heappush(heap, (load + things[position][0], number_held + 1, number))
    return [[things[position][1] for position in sorted(each)] for each in held]
