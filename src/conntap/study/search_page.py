"""The page of a search: its best trial beside the document as it stands, the best value so far, and which options matter."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap import __version__, store
from conntap.study.entries import Study
from conntap.study.spaces import spaces_of
from conntap.study.trials import Found, importances, needs_optuna

__all__ = ["write_search"]


def write_search(found: Found, study: Study, path: Path) -> Path:
    """Write one self-contained HTML page of a search: scores, the history of the best value, importances, all trials.

    Parameters
    ----------
    found
        What `search` or `found` gave, ended or not.
    study
        The study whose search it is.
    path
        The page; an older one is replaced in one step.

    Raises
    ------
    MissingExtra
        Optuna, matplotlib or jinja2 is not installed.

    Notes
    -----
    Importances are of the options of the trials that are done, and only where these are enough to tell.
    """
    from conntap.report import write_page

    needs_optuna()
    stages = _stages(found, study)
    attrs = {
        "kind": "Search report",
        "title": f"Search {found.name} of {study.title}",
        "description": _sentence(found),
        "study": study.text,
        "results": [each.name for each in stages[:2]],
        "seed": study.searches[found.name].seed,
        "conntap": __version__,
        "host": platform.node(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    with tempfile.TemporaryDirectory(prefix="conntap-") as folder:
        whole = Path(folder) / "search.h5"
        store.write_store(whole, attrs=attrs, stages=stages)
        return write_page(whole, path, failures=[])


def scores_of(found: Found) -> dict[str, pd.Series]:
    """The best trial's scores and those of the document as it stands, on the cases tuned on and on those tested on.

    Examples
    --------
    >>> result = {"tune": 0.9, "test": 0.8, "as_it_stands": {"tune": 0.5, "test": 0.4}}
    >>> {name: scores.to_dict() for name, scores in scores_of(Found("s", Path("."), [], result)).items()}
    {'the best': {'tuned on': 0.9, 'tested on': 0.8}, 'as it stands': {'tuned on': 0.5, 'tested on': 0.4}}
    """
    sides = {"the best": found.result, "as it stands": found.result.get("as_it_stands", {})}
    return {
        name: pd.Series(
            {"tuned on": each.get("tune", np.nan), "tested on": each.get("test", np.nan)}, dtype=float, name="score"
        ).rename_axis("cases")
        for name, each in sides.items()
    }


def best_so_far(found: Found, aim: str) -> pd.Series:
    """The best value of all trials that were done up to each, by the number of the trial; NaN before the first.

    Examples
    --------
    >>> trials = [{"trial": at, "state": "done", "value": value} for at, value in enumerate([0.2, 0.1, 0.4])]
    >>> best_so_far(Found("s", Path("."), trials), "maximize").tolist()
    [0.2, 0.2, 0.4]
    """
    values = [each["value"] if each["state"] == "done" else np.nan for each in found.trials]
    numbers = [each["trial"] for each in found.trials]
    series = pd.Series(values, index=pd.Index(numbers, name="trial"), dtype=float, name="value")
    return (series.cummax() if aim == "maximize" else series.cummin()).ffill()


def _stages(found: Found, study: Study) -> list[store.StageData]:
    entry = study.searches[found.name]
    aim = "maximize" if entry.maximize else "minimize"
    measured = str(entry.maximize or entry.minimize)
    stages = []
    if found.result:
        said = f"{measured} on the cases tuned on, where the best of many is too good, and on those that were never looked at."
        stages.append(_stage("scores", scores_of(found), found.name, said))
    said = f"The best mean of {measured} over the cases tuned on, up to each trial."
    stages.append(_stage("best_so_far", {"": best_so_far(found, aim).dropna()}, found.name, said))
    matter = importances(entry, spaces_of(entry), found.trials)
    if matter:
        said = "How much of what sets the better trials apart each option is (PED-ANOVA); together 1."
        series = pd.Series(matter, dtype=float, name="importance").rename_axis("option")
        stages.append(_stage("importance", {"": series}, found.name, said))
    stages.append(_stage("trials", {"": _texts(found.table())}, found.name, "All trials that ended."))
    return stages


def _texts(table: pd.DataFrame) -> pd.DataFrame:
    """Options of several kinds as text, which a store can keep."""
    mixed = [name for name in table if table[name].dtype == object]
    return table.assign(**{name: table[name].map(str) for name in mixed})


def _sentence(found: Found) -> str:
    result = found.result
    if not result:
        return f"{len(found.trials):,} trials so far; it has not ended."
    text = f"{result['trials']:,} trials: {result['done']:,} done, {result['pruned']:,} pruned, {result['failed']:,} failed. "
    text += f"The aim was to {result['aim']}. The best is trial {result['best']}: "
    text += ", ".join(f"{name} = {value}" for name, value in result["options"].items())
    return f"{text}; {result['test']:.4g} on the cases tested on ({result['tune']:.4g} on those tuned on)."


def _stage(name: str, values: Mapping[str, Any], search: str, description: str) -> store.StageData:
    """A stage of a value for each of these options, or of one value named ""."""
    named = {"options": list(values)} if len(values) > 1 else {}
    return store.StageData(
        name=name,
        description=description,
        step="",
        options={},
        inputs={"of": f"search {search}"},
        cases=pd.DataFrame(named, index=pd.RangeIndex(len(values))),
        keys=[f"{name}-{at}" for at in range(len(values))],
        entries=(store.encode(each) for each in values.values()),
    )
