"""Units of work, balanced into batches: longest first, and units of one input together."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Batch", "Unit", "batched"]

_BATCHES_A_WORKER = 8


@dataclass(frozen=True)
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


def batched(units: Sequence[Unit], workers: int) -> list[Batch]:
    """Units of one input stay together where that keeps the balance; longest first onto the least loaded."""
    total = sum(unit.load for unit in units)
    wanted = max(1, workers) * _BATCHES_A_WORKER
    most = total / wanted
    chunks: list[list[Unit]] = []
    for _, same in itertools.groupby(units, key=lambda unit: unit.inputs):
        for _, draw in itertools.groupby(same, key=lambda unit: (unit.control, unit.options)):
            chunk = list(draw)
            joins = chunks and chunks[-1][0].inputs == chunk[0].inputs
            if joins and sum(each.load for each in chunks[-1]) + sum(each.load for each in chunk) <= most:
                chunks[-1] += chunk
            else:
                chunks.append(chunk)
    weights = [sum(unit.load for unit in chunk) for chunk in chunks]
    heap = [(0.0, number) for number in range(min(wanted, len(chunks)))]
    bins: list[list[int]] = [[] for _ in heap]
    for chunk in sorted(range(len(chunks)), key=lambda i: (-weights[i], i)):
        load, number = heapq.heappop(heap)
        bins[number].append(chunk)
        heapq.heappush(heap, (load + weights[chunk], number))
    held = [[unit for chunk in sorted(each) for unit in chunks[chunk]] for each in bins]
    return [Batch(number, each) for number, each in enumerate(held)]
