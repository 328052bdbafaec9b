"""Collecting: what is done of a study goes into one store."""

from __future__ import annotations

import platform
import time
from collections.abc import Collection, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from conntap import __version__, store
from conntap.errors import CorruptStoreError, RunError, known
from conntap.study.folders import discard_folders
from conntap.study.forgetting import forget_unneeded
from conntap.study.keeping import clear_kept
from conntap.study.records import Records, stage_folder
from conntap.study.setup import read_cases, read_setup

__all__ = ["collect"]


def collect(out: Path) -> Path:
    """Gather what is done into one store; aside first, then swapped into place.

    Returns
    -------
    The path of the store, `OUT/store.h5`.

    Raises
    ------
    RunError
        Nothing is set up, or it is set up anew meanwhile.
        Or records whose bytes are damaged were found and set aside.

    Notes
    -----
    Memory is bounded by the largest value; time by the bytes.
    """
    about = read_setup(out)
    attrs = {
        "title": about["title"],
        "description": about["description"],
        "study": about["text"],
        "study_hash": about["hash"],
        "seed": about["seed"],
        "document": about["document"],
        "conntap": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in ("numpy", "scipy", "pandas", "h5py", "numba")},
        "fingerprints": about["fingerprints"],
        "host": platform.node(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    stages = (_stage_data(out, name, about) for name, stage in about["stages"].items() if not stage["discard"])
    try:
        store.write_store(out / "store.h5", attrs=attrs, stages=stages)
    except CorruptStoreError as error:
        damaged = sum(Records(stage_folder(out, name)).refresh().set_aside_damaged() for name in about["stages"])
        if not damaged:
            raise
        raise RunError(
            f"{out}: {damaged} damaged records were set aside ({error}). Run again to compute them."
        ) from error
    discard_folders(out)
    forget_unneeded(out)
    clear_kept(out)
    return out / "store.h5"


def _stage_data(out: Path, name: str, about: Mapping[str, Any]) -> store.StageData:
    stage = about["stages"][name]
    try:
        cases = read_cases(out, name, about)
    except FileNotFoundError as error:
        raise RunError(f"{out}: was set up anew while its store was collected. Run `tap collect` again.") from error
    every = Records(stage_folder(out, name)).refresh().done
    done = {key: record for key, record in every.items() if not record.gone}
    finished = [(key, case, slicing) for key, case, slicing in cases if key in done]
    rows = [(key, case, slicing, variables) for key, case, slicing in finished for variables in done[key].rows]
    return store.StageData(
        name=name,
        description=stage["description"],
        step=stage["step"],
        options=stage["options"],
        inputs=stage["inputs"],
        attrs={
            "step_version": stage["version"],
            "summary": stage["summary"],
            "units": len(cases),
            "units_done": len(finished),
            "controls": stage["controls"],
            "control_units": _by_control(cases, done),
            "slices": stage["slices"],
            "select": stage.get("select", []),
            "cpu_s": sum(done[key].cpu_s for key in {key for key, _, _ in finished}),
        },
        cases=_cases(rows, sliced=bool(stage["slices"])),
        keys=[key for key, *_ in rows],
        entries=(each for key, _, _ in finished for each in store.read(done[key].entry(key))),
    )


def _by_control(
    cases: Iterable[tuple[str, Mapping[str, Any], str | None]], done: Collection[str]
) -> dict[str, list[int]]:
    """For each control how many units are done and how many there are."""
    found: dict[str, list[int]] = {}
    for key, case, _ in cases:
        name = case.get("control", "original")
        if name != "original":
            counts = found.setdefault(name, [0, 0])
            counts[0] += key in done
            counts[1] += 1
    return found


def _cases(rows: list[tuple[str, Mapping[str, Any], str | None, Mapping[str, Any]]], *, sliced: bool) -> pd.DataFrame:
    columns = list(dict.fromkeys(column for _, case, _, _ in rows for column in case))
    table = {column: [case.get(column) for _, case, _, _ in rows] for column in columns}
    if sliced:
        table["slice"] = ["full" if slicing is None else slicing for _, _, slicing, _ in rows]
        variables = dict.fromkeys(name for *_, row in rows for name in row)
        clash = table.keys() & variables.keys()
        if clash:
            raise RunError(f"stages: a slice by {known(clash)} would overwrite the column of that name in the index.")
        table |= {name: [row.get(name) for *_, row in rows] for name in variables}
    return pd.DataFrame({name: _column(values) for name, values in table.items()}, index=pd.RangeIndex(len(rows)))


def _column(values: list[Any]) -> Any:
    """Values of one type as the array of that type; None is a missing one."""
    kinds = {type(value) for value in values if value is not None}
    whole = None not in values
    if kinds == {bool}:
        return pd.array(values, dtype="bool" if whole else "boolean")
    if kinds == {int}:
        return pd.array(values, dtype="int64" if whole else "Int64")
    if kinds and kinds <= {int, float}:
        return pd.array([float("nan") if value is None else float(value) for value in values], dtype="float64")
    return pd.array([None if value is None else str(value) for value in values], dtype="object")
