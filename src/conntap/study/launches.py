"""Launches of a study: a numbered folder each, written once.

::

    OUT/run/launches/0001/launch.json     when, where, by whom, of which document, with which options and versions
    OUT/run/launches/0001/study.yaml      the document as it stood
    OUT/run/launches/0001/outcome.json    what became of it; missing while it runs, or where it was killed
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conntap import __version__, store
from conntap.errors import RunError, known
from conntap.study.entries import Study
from conntap.study.setup import cores, read_setup

__all__ = ["Launch", "begin", "find_launch", "launches"]


@dataclass(frozen=True)
class Launch:
    """One launch: its number, its folder, and what was written of it."""

    number: int
    folder: Path

    @property
    def about(self) -> dict[str, Any]:
        """What was known when it began."""
        return _read(self.folder / "launch.json")

    @property
    def outcome(self) -> dict[str, Any]:
        """What became of it; empty while that is not known."""
        return _read(self.folder / "outcome.json")

    def note(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file into its folder; aside first, then swapped into place."""
        with store.atomic(self.folder / name) as path:
            path.write_text(json.dumps(content, indent=1))


def begin(study: Study, out: Path, *, stages: Mapping[str, Mapping[str, Any]]) -> Launch:
    """Make the folder of a new launch.

    Parameters
    ----------
    stages
        Name of stage -> what is to be done of it: units, skipped, cost, in_seconds and what else is worth keeping.
    """
    setup = read_setup(out)
    launch = _numbered(out / "run" / "launches")
    (launch.folder / "study.yaml").write_text(study.text)
    launch.note(
        "launch.json",
        {
            "launch": launch.number,
            "began": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "document": str(study.path),
            "hash": study.hash,
            "plan": setup["plan"],
            "seed": study.seed,
            "run": study.run.model_dump(mode="json", exclude_defaults=True) | {"where": study.run.where},
            "stages": {name: {**each, "run": dict(study.stages[name].run)} for name, each in stages.items()},
            "steps": {name: [each["step"], each["version"]] for name, each in setup["stages"].items()},
            "fingerprints": setup["fingerprints"],
            "host": platform.node(),
            "cores": cores(),
            "user": _user(),
            "process": os.getpid(),
            "conntap": __version__,
            "python": platform.python_version(),
        },
    )
    return launch


def launches(out: Path) -> Iterator[Launch]:
    """All launches of a study, the oldest first."""
    for folder in sorted((out / "run" / "launches").glob("[0-9]*"), key=lambda each: (len(each.name), each.name)):
        if folder.name.isdigit() and (folder / "launch.json").exists():
            yield Launch(int(folder.name), folder)


def find_launch(out: Path, number: int) -> Launch:
    """The launch of that number.

    Raises
    ------
    RunError
        There is no such launch.
    """
    found = {each.number: each for each in launches(out)}
    if number not in found:
        raise RunError(f"{out}: no launch {number}; known: {known(found)}.")
    return found[number]


def _numbered(folder: Path) -> Launch:
    folder.mkdir(parents=True, exist_ok=True)
    number = max((int(each.name) for each in folder.iterdir() if each.name.isdigit()), default=0)
    while True:
        number += 1
        try:
            (folder / f"{number:04d}").mkdir()
        except FileExistsError:
            continue  # another process took it just now
        return Launch(number, folder / f"{number:04d}")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        return str(os.getuid())
