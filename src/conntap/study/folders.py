"""Files that a step writes: a folder for each unit, written aside and renamed whole, found sound or made again.

    OUT/run/stages/STAGE/files/KEY/     what the unit of that key wrote

The record of the unit says how many files there are, of how many bytes, and their digest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import socket
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conntap import store
from conntap.errors import CorruptStoreError, RunError
from conntap.store.files import sha256
from conntap.study.gathering import taken_by
from conntap.study.records import Records, stage_folder
from conntap.study.setup import read_batch, read_setup
from conntap.study.steps import find_step

__all__ = ["NewFolder", "backwards", "discard_folders", "new_folder", "recheck_folders", "unit_folder", "writes_files"]

_log = logging.getLogger(__name__)


def unit_folder(out: Path, stage: str, key: str) -> Path:
    """The folder of what a unit wrote."""
    return stage_folder(out, stage) / "files" / key


# -- writing -------------------------------------------------------------------------------------------------------


@dataclass
class NewFolder:
    """A folder that a unit writes; it takes its name when it is kept."""

    out: Path
    path: Path
    final: Path
    about: dict[str, Any] = field(default_factory=dict)

    def keep(self, values: list[store.Encoded]) -> list[store.Encoded]:
        """Give the folder its name; the values with paths in it said relative to the run's folder.

        Raises
        ------
        RunError
            The step wrote nothing.
        """
        if not self.path.is_dir():
            raise RunError(f"{self.final}: the step wrote nothing into its folder.")
        self.about = _digest(self.path)
        for each in self.path.rglob("*"):
            _force(each)
        _force(self.path)
        _swap(self.path, self.final)
        said = {"bytes": self.about["bytes"], "sha256": self.about["sha256"]}
        out = self.out.absolute()
        return [store.placed(each, out, now=self.path, later=self.final, **said) for each in values]


@contextlib.contextmanager
def new_folder(out: Path, stage: str, key: str) -> Iterator[NewFolder]:
    """A folder aside for a unit to write; it is gone at the end, unless it was kept."""
    final = unit_folder(out, stage, key).absolute()
    _clear(final)
    aside = final.parent / f".{key}.{socket.gethostname()}.{os.getpid()}.{time.time_ns():x}.part"
    aside.mkdir(parents=True)
    try:
        yield NewFolder(out, aside / key, final)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _clear(final: Path) -> None:
    """Remove what killed processes of this machine left of the same unit."""
    for part in final.parent.glob(f".{final.name}.{socket.gethostname()}.*.part"):
        process = part.name.split(".")[-3]
        if not process.isdigit() or not _lives(int(process)):
            shutil.rmtree(part, ignore_errors=True)


def _lives(process: int) -> bool:
    if process == os.getpid():
        return False  # its own earlier try
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _swap(new: Path, final: Path) -> None:
    """Rename a folder; one that has the name already (of an earlier or a simultaneous try) goes aside and away."""
    for _ in range(10):
        try:
            os.rename(new, final)
            break
        except OSError:
            if not final.exists():
                raise
        old = new.with_name(f"{new.name}.old-{time.time_ns():x}")
        with contextlib.suppress(FileNotFoundError):
            os.rename(final, old)
    else:
        raise RunError(f"{final}: another process keeps writing it. Run again.")
    _force(final.parent)


def _force(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.fsync(handle)
    os.close(handle)


def _digest(folder: Path) -> dict[str, Any]:
    """How many files a folder has, their bytes, and a digest of their names and contents."""
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    named = [[each.relative_to(folder).as_posix(), sha256(each)] for each in files]
    return {**_sizes(folder), "sha256": hashlib.sha256(json.dumps(named).encode()).hexdigest()}


def _sizes(folder: Path) -> dict[str, Any]:
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {"files": len(files), "bytes": sum(each.stat().st_size for each in files)}


# -- what is there, what is needed ---------------------------------------------------------------------------------


def recheck_folders(out: Path) -> int:
    """Set aside the records of units whose files are gone or changed, so that they are computed again.

    Files that a unit still to be computed takes are read and hashed; of others it is looked whether they are there in full.
    What a discarded stage wrote may be gone where nothing takes it any more.

    Returns
    -------
    How many records were set aside.
    """
    about = read_setup(out)
    if not _filing(about):
        return 0
    _clear_all(out, about)
    count = 0
    for stage, records, needed in backwards(out, about):
        for key, record in list(records.done.items()):
            if writes_files(about, stage) and not _is_sound(out, stage, key, record, key in needed, about):
                records.set_aside(key)
                count += 1
        records.refresh()
    return count


def discard_folders(out: Path, *, stages: Collection[str] | None = None) -> int:
    """Remove what discarded stages wrote and no unit takes any more.

    Of these stages, by default of all. A folder stays that a kept circuit refers to: of a circuit of several files of edges,
    one changed after the other.

    Returns
    -------
    How many folders were removed.
    """
    about = read_setup(out)
    going: list[Path] = []
    for stage, records, needed in backwards(out, about) if _filing(about) else ():
        if writes_files(about, stage) and about["stages"][stage]["discard"] and (stages is None or stage in stages):
            going += [unit_folder(out, stage, key) for key in records.done if key not in needed]
    going = [each for each in going if each.is_dir()]
    texts = [each.read_text() for each in _configurations(out, about) if each.parent not in going]
    free = [each for each in going if not any(f"/{each.name}/" in text for text in texts)]
    for each in free:
        gone = each.with_name(f".{each.name}.gone")
        os.rename(each, gone)
        shutil.rmtree(gone, ignore_errors=True)
    return len(free)


def _configurations(out: Path, about: Mapping[str, Any]) -> Iterator[Path]:
    for stage in _filing(about):
        yield from (stage_folder(out, stage) / "files").glob("[!.]*/*.json")


def _filing(about: Mapping[str, Any]) -> list[str]:
    return [stage for stage in about["stages"] if writes_files(about, stage)]


def writes_files(about: Mapping[str, Any], stage: str) -> bool:
    return find_step(about["stages"][stage]["step"]).takes_folder


def backwards(out: Path, about: Mapping[str, Any]) -> Iterator[tuple[str, Records, set[str]]]:
    """Each stage, the last first, with its records and the keys of it that units which are not done take."""
    needed: dict[str, set[str]] = {stage: set() for stage in about["stages"]}
    for stage in reversed(list(about["stages"])):
        records = Records(stage_folder(out, stage)).refresh()
        yield stage, records, needed[stage]
        for number in range(about["stages"][stage]["batches"]):
            for unit in read_batch(out, stage, number):
                if unit["key"] not in records.done:
                    for kept in taken_by(unit):
                        needed.get(kept.get("stage"), set()).add(kept.get("key"))


def _is_sound(out: Path, stage: str, key: str, record: Any, is_needed: bool, about: Mapping[str, Any]) -> bool:
    if not is_needed and about["stages"][stage]["discard"]:
        return True
    folder = unit_folder(out, stage, key)
    try:
        told = record.header().get("files")
        if told is None:
            return True
        found = _digest(folder) if is_needed else _sizes(folder)
    except (OSError, CorruptStoreError):
        return False
    sound = all(told[name] == value for name, value in found.items())
    if not sound:
        _log.warning("stage %s: the files of %s are gone or changed; they are made again", stage, key)
    return sound


def _clear_all(out: Path, about: Mapping[str, Any]) -> None:
    """Remove what killed processes left; nobody else may be at work."""
    for stage in _filing(about):
        for part in (stage_folder(out, stage) / "files").glob(".*"):
            shutil.rmtree(part, ignore_errors=True)
