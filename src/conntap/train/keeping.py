"""Progress of training in a folder: arrays and JSON in one file that is whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from logging import getLogger
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

__all__ = ["keep", "taken_up"]

_log = getLogger(__name__)


def keep(path: Path, arrays: Mapping[str, np.ndarray], told: Mapping[str, Any]) -> None:
    """Write arrays and what JSON holds beside them, with a checksum.

    The file is renamed over the former one, not forced to disk: a killed process leaves the one or the other; what a failing
    machine leaves torn the checksum tells.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "progress.npz"
    >>> keep(path, {"a": np.arange(3)}, {"epoch": 2})
    >>> arrays, told = taken_up(path)
    >>> arrays["a"].tolist(), told
    ([0, 1, 2], {'epoch': 2})
    """
    named = {f"array {name}": np.asarray(value) for name, value in arrays.items()}
    named["told"] = np.array(json.dumps(dict(told)))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    with aside.open("wb") as file:
        np.savez(file, checksum=np.array(_checksum(named)), **named)
    os.replace(aside, path)


def taken_up(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """What was kept there; None where nothing is, or where it is damaged."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            named = {each: file[each] for each in file.files}
        if str(named.pop("checksum")) != _checksum(named):
            raise ValueError("its checksum differs")
        told = json.loads(str(named.pop("told")))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        _log.warning("%s is damaged (%s); training begins anew.", path, error)
        return None
    return {name.removeprefix("array "): value for name, value in named.items()}, told


def _checksum(arrays: Mapping[str, np.ndarray]) -> str:
    found = hashlib.sha256()
    for name in sorted(arrays):
        found.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape} ".encode())
        found.update(np.ascontiguousarray(arrays[name]).tobytes())
    return found.hexdigest()
