"""What a search gives: its best trial, scored on the cases that were not tuned on, and a document of its own."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

from conntap import store
from conntap.errors import RunError, known
from conntap.study.attempts import Attempts, NoNumber
from conntap.study.setup import setup

__all__ = ["result_of"]


def result_of(at: Attempts, ended: list[dict[str, Any]]) -> dict[str, Any]:
    """The best trial, scored on the test cases and beside the document as it stands; written, with a document of its own."""
    done = [each for each in ended if each["state"] == "done"]
    if not done:
        errors = {each["error"] for each in ended if each["error"]}
        raise RunError(f"search.{at.name}: no trial was done; {len(ended)} failed: {known(errors, most=3)}")
    sign = 1 if at.entry.minimize is not None else -1
    best = min(done, key=lambda each: (sign * each["value"], each["trial"]))
    told = {
        "search": at.name,
        "journal": at.journal.name,
        "aim": f"maximize {at.entry.maximize}" if at.entry.maximize else f"minimize {at.entry.minimize}",
        "trials": len(ended),
        **{state: sum(each["state"] == state for each in ended) for state in ("done", "pruned", "failed")},
        "best": best["trial"],
        "options": best["options"],
        "tune": best["value"],
        "tune_cases": best["cases"],
        **_tested(at, best["options"], "test"),
        "as_it_stands": _as_it_stands(at),
    }
    with store.atomic(at.folder / "result.json") as path:
        path.write_text(json.dumps(told, indent=1))
    with store.atomic(at.folder / "best.yaml") as path:
        path.write_text(_document(at, best))
    return told


def _tested(at: Attempts, options: Mapping[str, Any], part: str) -> dict[str, Any]:
    study = at.with_options(options)
    plans = setup(study, at.folder)
    values = [at.value(study, plans, unit) for unit in at.units(plans, getattr(at.entry, part))]
    return {part: math.fsum(values) / len(values), f"{part}_cases": values}


def _as_it_stands(at: Attempts) -> dict[str, Any]:
    """The same numbers of the document's own options; none where these fail."""
    try:
        return {**_tested(at, {}, "tune"), **_tested(at, {}, "test")}
    except NoNumber as error:
        return {"error": str(error)}


def _document(at: Attempts, best: Mapping[str, Any]) -> str:
    """A study document with the best options."""
    base = os.path.relpath(at.study.path, at.folder.resolve())
    stages: dict[str, dict[str, Any]] = {}
    for name, value in best["options"].items():
        stage, _, option = name.partition(".")
        stages.setdefault(stage, {})[option] = value
    lines = [
        f"# The best of the search {at.name}: trial {best['trial']}.",
        f"extends: {json.dumps(base)}",
        "search: ~",
        "stages:",
    ]
    return "\n".join([*lines, *(f"  {name}: {json.dumps(each)}" for name, each in stages.items())]) + "\n"
