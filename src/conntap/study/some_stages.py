"""Some stages of a study: chosen by their names, and run alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from conntap.errors import OptionError, RunError, StudyError, unknown
from conntap.study.collecting import collect
from conntap.study.entries import Study
from conntap.study.run import Outcome, launch
from conntap.study.setup import setup
from conntap.study.status import StageStatus, status

__all__ = ["chosen_stages", "run_stages"]


def chosen_stages(study: Study, *, stages: str | None = None, until: str | None = None) -> list[str] | None:
    """Names of the stages asked for, in the order of the document; None: all.

    Parameters
    ----------
    stages
        `A..B`, from one to another as the document has them; `A..`, `..B`, or one name.
    until
        A stage and all that it needs.

    Raises
    ------
    StudyError
        A name that is none, or a range that is empty.
    OptionError
        Both are given.
    """
    if stages is not None and until is not None:
        raise OptionError("--stages and --until: give one of them.")
    names = list(study.stages)
    if until is not None:
        _known("--until", until, names)
        needed, waiting = set(), [until]
        while waiting:
            name = waiting.pop()
            needed.add(name)
            waiting += [each for each in study.stages[name].sources if each in study.stages and each not in needed]
        return [name for name in names if name in needed]
    if stages is None:
        return None
    first, dots, last = stages.partition("..")
    last = last if dots else first
    for name in filter(None, (first, last)):
        _known("--stages", name, names)
    begin, end = names.index(first) if first else 0, names.index(last) if last else len(names) - 1
    if begin > end:
        raise StudyError(
            f"--stages: {first!r} stands after {last!r}; the order is {', '.join(names)}. Turn them around."
        )
    return names[begin : end + 1]


def _known(option: str, name: str, names: Collection[str]) -> None:
    if name not in names:
        raise StudyError(unknown(option, "stage", name, names, most=99))


def run_stages(
    study: Study, folder: Path, names: list[str], *, listen: Callable[[Mapping[str, Any]], None]
) -> tuple[Outcome, list[StageStatus]]:
    """Set up a study, compute some of its stages, and collect what there is.

    Returns
    -------
    What became of the units, and how these stages stand.

    Raises
    ------
    RunError
        A stage takes one that is neither done nor asked for.
    """
    listen({"event": "setup", "study": study.title})
    done = {each.stage: each.done == each.units for each in status(study, folder)}
    for name in names:
        lacking = [each for each in study.stages[name].sources if not done.get(each, True) and each not in names]
        if lacking:
            raise RunError(f"--stages: {name!r} takes {', '.join(lacking)}, not done yet. Give --until {name} instead.")
    plans = setup(study, out=folder)
    keys = {unit.key for name in names for unit in plans[name].units}
    outcome = launch(
        study, out=folder, listen=lambda each: listen(each) if each.get("stage", names[0]) in names else None, only=keys
    )
    listen({"event": "collect"})
    outcome = replace(outcome, store=collect(folder))
    stand = [each for each in status(study, folder) if each.stage in names]
    left = sum(each.units - each.done - each.failed for each in stand)
    return replace(outcome, waiting=left), stand
