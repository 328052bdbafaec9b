"""What the shards of a stage hold, in little memory: where each unit's record lies and what the runner asks of it.

Headers are read once, when a shard grew, and only their numbers are kept: some 550 bytes a unit. Who needs a whole
header asks for it (`Record.header`) or goes through all of them (`Records.headers`).
"""

from __future__ import annotations

import json
import logging
import os
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conntap import store
from conntap.errors import CorruptStoreError

__all__ = ["Record", "Records", "alike", "stage_folder"]

_log = logging.getLogger(__name__)
_UNCUT: tuple[dict[str, Any], ...] = ({},)


def stage_folder(out: Path, stage: str) -> Path:
    """The folder of a stage's batches, shards and logs."""
    return out / "run" / "stages" / stage


def alike(made: Mapping[str, Any]) -> int:
    """A number that units share which differ only in their seeds and draws: they cost about the same."""
    control = made.get("control")
    same = [made["options"], made["inputs"], control and [control["step"], control["options"]], made.get("slicing")]
    return zlib.crc32(json.dumps(same, sort_keys=True, default=str).encode())


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a shard.

    Parameters
    ----------
    path, offset, length
        The shard, and where in it the record lies.
    kind
        What kind of failure it records; "" for a value.
    rows
        The slice variables of each value.
    time
        When it began, by the clock of its host.
    wall_s, cpu_s, peak_mb
        What it took.
    load, edges, nodes
        The size of its work; the numbers of edges and nodes of its value, -1 where it is no connectome.
    group
        The number it shares with units alike (`alike`).
    step
        The name of its step.
    gone
        Whether its value was removed after its last use.
    """

    path: Path
    offset: int
    length: int
    kind: str
    rows: tuple[dict[str, Any], ...]
    time: float
    wall_s: float
    cpu_s: float
    peak_mb: float
    load: float
    nodes: int
    edges: int
    group: int
    step: str = ""
    gone: bool = False

    def entry(self, key: str = "") -> store.ShardEntry:
        """The record as `conntap.store` reads it, without its header."""
        return store.ShardEntry(key, {}, self.path, self.offset, self.length)

    def header(self) -> dict[str, Any]:
        """All that the record says of its unit, read anew.

        Raises
        ------
        CorruptStoreError
            The shard changed or its bytes are damaged.
        """
        return store.read_header(self.entry())


def _record(entry: store.ShardEntry) -> Record:
    header = entry.header
    rows = tuple(header.get("rows", ()))
    size = header.get("size", (-1, -1))
    return Record(
        path=entry.path,
        offset=entry.offset,
        length=entry.length,
        kind="" if header["status"] == "done" else header.get("kind", "error"),
        rows=_UNCUT if rows == _UNCUT else rows,
        time=header["time"],
        wall_s=header.get("wall_s", 0.0),
        cpu_s=header.get("cpu_s", 0.0),
        peak_mb=header.get("peak_mb", 0.0),
        load=header.get("load", 1.0),
        nodes=size[0],
        edges=size[1],
        group=alike(header["made"]),
        step=sys.intern(header["made"].get("step", "")),
        gone=header.get("gone", False),
    )


class Records:
    """What the shards of one stage hold: key -> newest record; reads again only what grew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shards"
        self._sizes: dict[str, tuple[int, int]] = {}
        self._found: dict[Path, list[tuple[str, Record]]] = {}
        self._done: dict[str, Record] = {}
        self._failed: dict[str, Record] = {}
        self._aside: set[tuple[str, int]] = set()

    def refresh(self) -> Records:
        """Take in records appended since the last look; where there are none, it costs no more than the files' sizes."""
        grew = False
        for name, size in _sizes(self.folder):
            if self._sizes.get(name) != size:
                path = self.folder / name
                self._found[path] = [(entry.key, _record(entry)) for entry in store.scan(path)]
                self._sizes[name] = size
                grew = True
        damaged = self._damaged()
        if not grew and damaged == self._aside:
            return self
        self._aside = damaged
        self._done.clear()
        failed: list[tuple[str, Record]] = []
        for found in self._found.values():
            for key, record in found:
                if record.kind:
                    failed.append((key, record))
                elif record.gone and key in self._done:
                    continue  # it was computed anew
                elif not damaged or (record.path.name, record.offset) not in damaged:
                    self._done[key] = record
        self._failed = {
            key: record for key, record in sorted(failed, key=lambda each: each[1].time) if key not in self._done
        }
        return self

    def failures(self) -> Iterator[tuple[str, Record]]:
        """Key and record of every failure, those of units that were finished since included, as they lie in the shards."""
        for found in self._found.values():
            yield from ((key, record) for key, record in found if record.kind)

    def headers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Key and header of every record, one shard after the other in memory."""
        for path in self._found:
            for entry in store.scan(path):
                yield entry.key, entry.header

    def set_aside(self, key: str) -> None:
        """From now on the record of that key, whose bytes are damaged or gone, counts as not there: its unit is computed again."""
        record = self._done[key]
        if not record.gone:
            _log.warning(
                "stage %s: the record %s in %s is damaged; set aside", self.folder.parent.name, key, record.path
            )
        with open(self.folder / "damaged.jsonl", "a") as file:
            file.write(json.dumps([record.path.name, record.offset]) + "\n")

    def set_aside_damaged(self) -> int:
        """Set aside every record whose bytes are damaged; how many they are."""
        damaged = [key for key, record in self._done.items() if not store.is_whole(record.entry())]
        for key in damaged:
            self.set_aside(key)
        return len(damaged)

    def read(self, key: str) -> list[store.Encoded]:
        """The values of a finished unit.

        Raises
        ------
        CorruptStoreError
            The record's bytes are damaged, or its value went after its last use; it was set aside.
        """
        if self._done[key].gone:
            self.set_aside(key)
            raise CorruptStoreError(f"{self.folder}: the value {key!r} went after its last use. Run its unit again.")
        try:
            return store.read(self._done[key].entry(key))
        except CorruptStoreError:
            self.set_aside(key)
            raise

    def _damaged(self) -> set[tuple[str, int]]:
        try:
            lines = (self.folder / "damaged.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return set()
        return {(name, offset) for name, offset in filter(None, map(_whole_line, lines))}

    def size(self, key: str) -> tuple[int, int] | None:
        """How many nodes and connections a connectome has that is done; None of what is not, or no connectome."""
        record = self._done.get(key)
        return None if record is None or record.nodes < 0 else (record.nodes, record.edges)

    @property
    def done(self) -> Mapping[str, Record]:
        """Key -> record of every finished unit."""
        return self._done

    @property
    def failed(self) -> Mapping[str, Record]:
        """Key -> last record of every unit that failed and was not finished since."""
        return self._failed


def _sizes(folder: Path) -> list[tuple[str, tuple[int, int]]]:
    """Name of each shard, in order, and by what it is told that it grew: bytes and time of change."""
    try:
        with os.scandir(folder) as found:
            names = [(each.name, each.stat()) for each in found if each.name.endswith(".shard")]
    except FileNotFoundError:
        return []
    return sorted((name, (about.st_size, about.st_mtime_ns)) for name, about in names)


def _whole_line(line: str) -> list[Any] | None:
    try:
        return json.loads(line)
    except ValueError:
        return None  # torn; its record is found damaged again
