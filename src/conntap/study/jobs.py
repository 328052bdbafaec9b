"""What is left to do of a stage, in jobs; and jobs shared out evenly.

A *piece* is what should stay on one worker: units of one input and one draw. A *job* is some pieces of one batch. A
*share* is what one worker, or one job of a cluster, is given: jobs of several batches.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conntap.study.batches import balanced
from conntap.study.costs import Costs
from conntap.study.gathering import size_of
from conntap.study.records import Records, stage_folder
from conntap.study.setup import read_batch, read_setup
from conntap.study.steps import find_step

__all__ = ["USUAL", "Job", "Limits", "Piece", "ToDo", "imbalance", "left_of", "shared", "to_do"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a unit may take: tries after the death of its worker, seconds of wall time, GiB of resident memory."""

    retries: int = 1
    timeout_s: float | None = None
    mem_gb: float | None = None


USUAL = Limits()


@dataclass(frozen=True, slots=True)
class Piece:
    """Keys of units that are best computed one after the other, and what they cost together."""

    keys: tuple[str, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class Job:
    """Pieces of one batch of a stage, with the limits of each unit."""

    stage: str
    batch: int
    pieces: tuple[Piece, ...]
    limits: Limits = USUAL

    @property
    def keys(self) -> list[str]:
        """The keys of its units, in the order they are computed."""
        return [key for piece in self.pieces for key in piece.keys]

    @property
    def cost(self) -> float:
        """What its units cost together: seconds where that is known, else their load."""
        return sum(piece.cost for piece in self.pieces)

    def cut(self, most: float) -> tuple[Job, Job | None]:
        """Its first pieces up to that cost, one at least, and the rest."""
        spent = 0.0
        for number, piece in enumerate(self.pieces):
            spent += piece.cost
            if spent > most and number:
                return replace(self, pieces=self.pieces[:number]), replace(self, pieces=self.pieces[number:])
        return self, None

    def plain(self) -> dict[str, Any]:
        """The job as JSON takes it."""
        limits = [self.limits.retries, self.limits.timeout_s, self.limits.mem_gb]
        pieces = [[list(piece.keys), piece.cost] for piece in self.pieces]
        return {"stage": self.stage, "batch": self.batch, "pieces": pieces, "limits": limits}

    @staticmethod
    def read(plain: Mapping[str, Any]) -> Job:
        """The job that `plain` gave."""
        pieces = tuple(Piece(tuple(keys), float(cost)) for keys, cost in plain["pieces"])
        return Job(plain["stage"], int(plain["batch"]), pieces, Limits(*plain["limits"]))


@dataclass(frozen=True)
class ToDo:
    """What is left of a stage.

    Parameters
    ----------
    jobs
        One for each batch with something to do.
    skipped
        How many units are done.
    in_seconds
        Whether costs are expected seconds; else they are loads.
    peak_mb
        The most memory that a unit of this stage took so far; 0 where nothing was measured.
    """

    jobs: Sequence[Job]
    skipped: int
    in_seconds: bool
    peak_mb: float

    def summary(self) -> dict[str, Any]:
        """How much is left, as JSON takes it."""
        return {"units": self.units, "skipped": self.skipped, "cost": self.cost, "in_seconds": self.in_seconds}

    @property
    def units(self) -> int:
        """How many units are left."""
        return sum(len(piece.keys) for job in self.jobs for piece in job.pieces)

    @property
    def cost(self) -> float:
        """What they cost together."""
        return sum(job.cost for job in self.jobs)


def to_do(out: Path, stage: str, *, limits: Limits = USUAL, only: Collection[str] | None = None) -> ToDo:
    """What is left to do of a stage that was set up, with its cost as far as it is known.

    Parameters
    ----------
    limits
        What each unit may take.
    only
        Keys; nothing else is done. Default: all that are not done.

    Notes
    -----
    Reads the batches one after the other: some 10 microseconds a unit; keeps the keys.
    """
    numbers = range(read_setup(out)["stages"][stage]["batches"])
    return left_of(out, stage, (read_batch(out, stage, number) for number in numbers), limits=limits, only=only)


def left_of(
    out: Path,
    stage: str,
    batches: Iterable[Sequence[Mapping[str, Any]]],
    *,
    limits: Limits = USUAL,
    only: Collection[str] | None = None,
) -> ToDo:
    """What `to_do` gives, of batches that need not be set up: the plain units of each."""
    sizes = _Sizes(out)
    records = sizes.records(stage)
    batches = iter(batches)
    first = next(batches, ())
    like = [each for each in records.done.values() if first and each.step == first[0]["made"]["step"]]
    costs, only = Costs(like), None if only is None else frozenset(only)
    jobs, skipped = [], 0
    for number, units in enumerate(itertools.chain([first], batches)):
        left = [unit for unit in units if unit["key"] not in records.done]
        skipped += len(units) - len(left)
        pieces = _pieces([unit for unit in left if only is None or unit["key"] in only], costs, sizes)
        if pieces:
            jobs.append(Job(stage, number, pieces, limits))
    peak = max((record.peak_mb for record in like), default=0.0)
    return ToDo(jobs, skipped, costs.known, peak)


class _Sizes:
    """How large the inputs of units are, once these are done."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._records: dict[str, Records] = {}

    def records(self, stage: str) -> Records:
        if stage not in self._records:
            self._records[stage] = Records(stage_folder(self.out, stage)).refresh()
        return self._records[stage]

    def load(self, unit: Mapping[str, Any]) -> float:
        """The load of a unit: by the size of what it gathers, else of its first input, that is a connectome and done; else
        as planned."""
        if (size := size_of(unit["inputs"], self._size)) is not None:
            return find_step(unit["made"]["step"]).load(*size)
        for kept in unit["inputs"].values():
            if "stage" in kept and "subtarget" not in kept:
                record = self.records(kept["stage"]).done.get(kept["key"])
                if record is not None and record.nodes >= 0:
                    return find_step(unit["made"]["step"]).load(record.nodes, record.edges)
        return float(unit["load"])

    def _size(self, stage: str, key: str) -> tuple[int, int] | None:
        return self.records(stage).size(key)


def _pieces(units: Sequence[Mapping[str, Any]], costs: Costs, sizes: _Sizes) -> tuple[Piece, ...]:
    found = []
    for _, same in itertools.groupby(units, key=lambda unit: (unit["inputs"], unit["case"])):
        group = {unit["key"]: costs.of(unit, sizes.load(unit)) for unit in same}
        found.append(Piece(tuple(group), sum(group.values())))
    return tuple(found)


def shared(jobs: Iterable[Job], shares: int) -> list[list[Job]]:
    """Jobs shared out evenly among at most so many: the costliest piece first, each to the share that has least.

    Within a share the costliest job comes first.

    Examples
    --------
    >>> pieces = tuple(Piece((str(cost),), cost) for cost in (1, 2, 3, 4, 100))
    >>> [[piece.keys for job in share for piece in job.pieces] for share in shared([Job("s", 0, pieces)], 4)]
    [[('100',)], [('4',)], [('3',)], [('1',), ('2',)]]
    """
    pieces = [(piece.cost, (job, piece)) for job in jobs for piece in job.pieces]
    return [list(_joined(part)) for part in balanced(pieces, shares)]


def _joined(part: Iterable[tuple[Job, Piece]]) -> Iterator[Job]:
    found = [
        replace(job, pieces=tuple(piece for _, piece in same))
        for job, same in ((job, list(group)) for job, group in itertools.groupby(part, key=lambda each: each[0]))
    ]
    yield from sorted(found, key=lambda job: (-job.cost, job.stage, job.batch))


def imbalance(shares: Sequence[Sequence[Job]]) -> float:
    """How much longer the longest share takes than the mean one; 1.0 where all take the same."""
    costs = [sum(job.cost for job in share) for share in shares]
    total = sum(costs)
    return max(costs) * len(costs) / total if total else 1.0
