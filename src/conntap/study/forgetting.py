"""Intermediates that go after their last use: `discard: after-use`.

Such a stage has a shard for each of its units, so that a value can go while others stay: the shard is replaced, by rename, with
one whose record has the same header and no value. The unit stays done. Where it turns out to be needed after all (a stage was
added, a unit that takes it failed and is tried again), it counts as not there and is computed anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from conntap import store
from conntap.errors import CorruptStoreError
from conntap.store import Encoded, ShardWriter
from conntap.study.folders import backwards, discard_folders, writes_files
from conntap.study.gathering import taken_by
from conntap.study.records import Record, Records, stage_folder
from conntap.study.setup import read_batch, read_setup

__all__ = ["AFTER_USE", "Forgetting", "OneShardEach", "forget_unneeded", "recheck_values"]

AFTER_USE = "after-use"
_MARK = "some-values-are-gone"  # an empty file in the folder of a stage
_log = logging.getLogger(__name__)

Place = tuple[str, str]
"""Stage and key."""


class OneShardEach:
    """Writes a shard for each record, named after the one that all would share; is used as that one would be."""

    def __init__(self, path: Path) -> None:
        self.path, self._count = path, 0

    def append(self, key: str, header: dict[str, Any], encoded: Sequence[Encoded] | None) -> None:
        """Write one record into a new shard, which is closed when this returns."""
        path = self.path.with_name(f"{self.path.stem}-{self._count:05d}.shard")
        self._count += 1
        with ShardWriter(path) as shard:
            shard.append(key, header, encoded)

    def __enter__(self) -> OneShardEach:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Forgetting:
    """A listener of a run: removes a value as soon as the last unit that takes it is done."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._records: dict[str, Records] = {}
        self._users: dict[Place, set[Place]] = {}
        self._taken: dict[Place, list[Place]] = {}
        about = read_setup(out)
        self._passing = passing(about)
        if self._passing:
            self._read(about)

    def _read(self, about: Mapping[str, Any]) -> None:
        for stage in about["stages"]:
            done = Records(stage_folder(self.out, stage)).refresh().done
            for unit in _units(self.out, about, stage):
                taken = [place for place in _taken(unit) if place[0] in self._passing]
                if taken and unit["key"] not in done:
                    self._taken[stage, unit["key"]] = taken
                    for place in taken:
                        self._users.setdefault(place, set()).add((stage, unit["key"]))

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take note of what is done; other events are passed over."""
        if event.get("event") != "done":
            return
        unit = (str(event["stage"]), str(event["key"]))
        for place in self._taken.pop(unit, ()):
            users = self._users[place]
            users.discard(unit)
            if not users:
                del self._users[place]
                self._forget(place)

    def _forget(self, place: Place) -> None:
        stage, key = place
        if self._passing[stage]:
            discard_folders(self.out, stages={stage})
            return
        records = self._records.setdefault(stage, Records(stage_folder(self.out, stage))).refresh()
        if key in records.done:
            _forget(key, records.done[key])


def passing(about: Mapping[str, Any]) -> dict[str, bool]:
    """The stages whose values go after their last use, and whether these are files."""
    found = [name for name, stage in about["stages"].items() if stage["discard"] == AFTER_USE]
    return {name: writes_files(about, name) for name in found}


def recheck_values(out: Path) -> int:
    """Set aside the records of values that went and are needed again, so that they are computed anew.

    Returns
    -------
    How many records were set aside.
    """
    about = read_setup(out)
    count = 0
    for stage, records, needed in backwards(out, about) if _any_gone(out, about) else ():
        for key, record in list(records.done.items()):
            if record.gone and (key in needed or not about["stages"][stage]["discard"]):
                records.set_aside(key)
                count += 1
        records.refresh()
    return count


def forget_unneeded(out: Path) -> int:
    """Remove every value of such stages that no unit still to be computed takes.

    Returns
    -------
    How many were removed.

    Notes
    -----
    Where there are such stages: reads all batches, some 10 microseconds a unit.
    """
    about = read_setup(out)
    values = [name for name, files in passing(about).items() if not files]
    count = 0
    for stage, records, needed in backwards(out, about) if values else ():
        if stage in values:
            count += sum(_forget(key, each) for key, each in list(records.done.items()) if key not in needed)
    return count


def _forget(key: str, record: Record) -> bool:
    """Replace the shard of one record by one without its value; not a shard that others share, or that is gone."""
    if record.gone or record.offset or record.path.stat().st_size != record.length:
        return False
    try:
        header = record.header()
    except CorruptStoreError:
        return False
    (record.path.parent.parent / _MARK).touch()
    with store.atomic(record.path) as aside:
        with ShardWriter(aside) as shard:
            shard.append(key, {**header, "gone": True}, None)
    _log.debug("the value %s in %s went after its last use", key, record.path)
    return True


def _any_gone(out: Path, about: Mapping[str, Any]) -> bool:
    return any((stage_folder(out, name) / _MARK).exists() for name in about["stages"])


def _units(out: Path, about: Mapping[str, Any], stage: str) -> Iterator[Mapping[str, Any]]:
    for number in range(about["stages"][stage]["batches"]):
        yield from read_batch(out, stage, number)


def _taken(unit: Mapping[str, Any]) -> list[Place]:
    return list(
        dict.fromkeys((each["stage"], each["key"]) for each in taken_by(unit) if "stage" in each and "key" in each)
    )
