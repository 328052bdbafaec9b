"""Writing a store: one HDF5 file, value by value, aside and renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conntap.errors import StoreError
from conntap.store.cases import write_cases
from conntap.store.codecs import Encoded, json_text, with_file_attrs
from conntap.store.elements import write_array, write_attribute
from conntap.store.files import PatientFile, atomic, disk_is_full, sha256
from conntap.store.packing import GroupWriter, signature

__all__ = ["FORMAT", "VERSION", "StageData", "files_folder", "write_store"]

FORMAT = "conntap-store"
VERSION = 2


@dataclass
class StageData:
    """One stage as it goes into a store.

    Parameters
    ----------
    name
        The stage's name; no slash in it.
    description, step, options, inputs, attrs
        What is said about it: text, the step's name, its options, input name -> where it came from, and
        anything else that JSON holds.
    cases
        One row a value: the case columns, with a RangeIndex.
    keys
        The key of each value.
    entries
        The encoded values in the order of the rows; taken one by one, once.
    """

    name: str
    description: str = ""
    step: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    attrs: dict[str, Any] = field(default_factory=dict)
    cases: pd.DataFrame = field(default_factory=pd.DataFrame)
    keys: list[str] = field(default_factory=list)
    entries: Iterable[Encoded] = ()


def write_store(path: str | Path, *, attrs: Mapping[str, Any], stages: Iterable[StageData]) -> None:
    """Write a store: aside first, then over `path` in one step.

    Until the last moment an older store at `path` is untouched, also when this fails or is killed.

    Parameters
    ----------
    path
        The HDF5 file to make. Bytes of `File` values go to the folder `<path>.files` beside it.
    attrs
        What is said of the whole: the study's text and hash, code version, seed, host, time. Text, numbers,
        booleans, None, lists and dictionaries.
    stages
        In the order in which the store lists them.

    Raises
    ------
    StoreError
        The disk is full, a stage's rows, keys and values differ in number, a name stands twice, or something
        cannot be stored.

    Notes
    -----
    Time is linear in the bytes (about 100 MB/s, compression included); memory is a few chunks an array, so
    values beyond memory can be streamed in.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.store import encode, open_store
    >>> path = Path(tempfile.mkdtemp()) / "results.h5"
    >>> counts = StageData("counts", cases=pd.DataFrame({"subtarget": ["A", "B"]}), keys=["a", "b"],
    ...                    entries=map(encode, [3, 5]))
    >>> write_store(path, attrs={"seed": 1}, stages=[counts])
    >>> open_store(path)["counts"]["B"]
    5
    """
    path = Path(path)
    kept: set[str] = set()
    with atomic(path) as aside:
        try:
            with PatientFile(aside) as raw:
                with h5py.File(raw, "w", libver=("v110", "v110")) as file:
                    _write_file(file, path, attrs, stages, kept, raw.check)
                raw.check()
        except (OSError, RuntimeError, ValueError) as error:
            if disk_is_full(error) or isinstance(error, StoreError):
                raise
            raise StoreError(f"{path}: the store cannot be written: {error}") from error
    _remove_others(files_folder(path), kept)


def files_folder(path: str | Path) -> Path:
    """The folder beside a store that holds the bytes of its `File` values.

    Examples
    --------
    >>> files_folder("run/results.h5").as_posix()
    'run/results.h5.files'
    """
    path = Path(path)
    return path.with_name(path.name + ".files")


def _write_file(
    file: h5py.File,
    path: Path,
    attrs: Mapping[str, Any],
    stages: Iterable[StageData],
    kept: set[str],
    check: Callable[[], None],
) -> None:
    reserved = {"format", "version", "stages", "json_attributes"} & set(attrs)
    if reserved:
        raise StoreError(f"{path}: attributes {sorted(reserved)} are the store's own. Choose other names.")
    write_attribute(file, "format", FORMAT)
    write_attribute(file, "version", VERSION)
    _write_attributes(file, attrs)
    names: list[str] = []
    parent = file.create_group("stages")
    for stage in stages:
        if not stage.name or "/" in stage.name or stage.name == "." or stage.name in names:
            raise StoreError(f"{path}: stage name {stage.name!r} stands twice, is empty or has a slash. Rename it.")
        names.append(stage.name)
        _write_stage(parent.create_group(stage.name), stage, path, kept, check)
    write_attribute(file, "stages", json_text(names))


def _write_attributes(item: h5py.File, attrs: Mapping[str, Any]) -> None:
    """Text, numbers and booleans as they are; the rest as JSON text, its names listed in `json_attributes`."""
    as_json = []
    for name, value in attrs.items():
        value = value.item() if isinstance(value, np.generic) else value
        plain = isinstance(value, bool | float) or (isinstance(value, int) and -(2**63) <= value < 2**63)
        if plain or isinstance(value, str):
            write_attribute(item, name, value)
        else:
            write_attribute(item, name, json_text(value))
            as_json.append(name)
    write_attribute(item, "json_attributes", json_text(as_json))


def _write_stage(group: h5py.Group, stage: StageData, path: Path, kept: set[str], check: Callable[[], None]) -> None:
    where = f"{path}: stages.{stage.name}"
    if len(stage.keys) != len(stage.cases):
        raise StoreError(f"{where}: {len(stage.cases)} cases and {len(stage.keys)} keys; give one key a case.")
    for name in ("description", "step"):
        write_attribute(group, name, getattr(stage, name))
    for name in ("options", "inputs", "attrs"):
        write_attribute(group, name, json_text(getattr(stage, name)))
    write_cases(group, stage.cases, where)
    _write_keys(group, stage.keys)
    entries = (with_file_attrs(each, lambda attrs: _kept_file(attrs, path, kept)) for each in stage.entries)
    _write_values(group, entries, len(stage.cases), where, check)


def _write_values(group: h5py.Group, entries: Iterable[Encoded], n: int, where: str, check: Callable[[], None]) -> None:
    """Each value into the group of its signature; where it went into `value_group` and `value_position`."""
    places = np.empty((2, n), dtype=np.int64)
    writers: dict[tuple[Any, ...], tuple[int, GroupWriter]] = {}
    values = group.create_group("values")
    row = -1
    for row, encoded in enumerate(entries):
        if row >= n:
            raise StoreError(f"{where}: more values than the {n} cases; give one value a case.")
        check()
        kind = signature(encoded)
        if kind not in writers:
            writers[kind] = len(writers), GroupWriter(values.create_group(str(len(writers))), encoded)
        number, writer = writers[kind]
        places[:, row] = number, writer.append(encoded)
    if row + 1 != n:
        raise StoreError(f"{where}: {row + 1} values for {n} cases; give one value a case.")
    for _, writer in writers.values():
        writer.close()
    write_array(group, "value_group", places[0].astype(np.int32))
    write_array(group, "value_position", places[1])


def _write_keys(group: h5py.Group, keys: list[str]) -> None:
    encoded = [key.encode() for key in keys]
    width = max(map(len, encoded), default=1) or 1
    write_array(group, "keys", np.array(encoded, dtype=h5py.string_dtype("utf-8", width)))


def _kept_file(attrs: dict[str, Any], path: Path, kept: set[str]) -> dict[str, Any]:
    """Copy a file's bytes beside the store, once, under their hash; returns its attributes in the store."""
    attrs = dict(attrs)
    source = Path(attrs.pop("path"))
    attrs["stored"] = f"{attrs['sha256'][:16]}-{attrs['name']}"
    target = files_folder(path) / attrs["stored"]
    if attrs["stored"] not in kept:
        if not (target.exists() and target.stat().st_size == attrs["size"]):
            _copy(source, target, attrs["sha256"])
        kept.add(attrs["stored"])
    return attrs


def _copy(source: Path, target: Path, content: str) -> None:
    with atomic(target) as aside:
        try:
            shutil.copyfile(source, aside)
        except FileNotFoundError as error:
            raise StoreError(f"{source}: the file of a value is gone. Run its unit again.") from error
        if sha256(aside) != content:
            raise StoreError(f"{source}: the file of a value was changed since it was made. Run its unit again.")


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Remove what an older store of this name kept and this one does not."""
    if not folder.is_dir():
        return
    for file in folder.iterdir():
        mark = file.name[:16]
        if file.name not in kept and file.name[16:17] == "-" and all(c in "0123456789abcdef" for c in mark):
            os.unlink(file)
    if not any(folder.iterdir()):
        folder.rmdir()
