"""Trials of a search: kept as lines of JSON, and told to Optuna anew before each further one."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from conntap import store
from conntap.errors import MissingExtra
from conntap.seeds import stream
from conntap.study.entries import SearchEntry
from conntap.study.spaces import Varied

__all__ = ["Found", "append_trial", "asked", "importances", "needs_optuna", "read_trials"]


@dataclass(frozen=True)
class Found:
    """What a search found so far.

    Parameters
    ----------
    name, folder
        The search and its folder.
    trials
        One a trial that ended: trial, state ("done", "pruned", "failed"), value (the mean over the cases tuned on), cases
        (the value of each that was computed), options, error.
    result
        Once all trials ended: the best one's number, options, tuned value, value on the test cases; the same of the
        document as it stands. Else empty.
    """

    name: str
    folder: Path
    trials: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """The trials, one a row, the options as columns.

        Examples
        --------
        >>> trial = {"trial": 0, "state": "done", "value": 0.5, "cases": [0.4, 0.6], "options": {"a.x": 3}, "error": ""}
        >>> Found("s", Path("."), [trial]).table().to_dict("list")
        {'trial': [0], 'state': ['done'], 'value': [0.5], 'cases': [2], 'a.x': [3]}
        """
        head = [{name: each[name] for name in ("trial", "state", "value")} for each in self.trials]
        rows = [
            {**row, "cases": len(each["cases"]), **each["options"]} for row, each in zip(head, self.trials, strict=True)
        ]
        return pd.DataFrame(rows, columns=None if rows else ["trial", "state", "value", "cases"])


def needs_optuna() -> None:
    """Raise a MissingExtra where Optuna is not installed."""
    try:
        import optuna
    except ModuleNotFoundError:
        raise MissingExtra("search", package="optuna", needed_for="a search") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def asked(
    entry: SearchEntry, spaces: Sequence[Varied], ended: Sequence[Mapping[str, Any]], fixed: Mapping[str, Any]
) -> Any:
    """A trial of Optuna's that knows those before it; what it draws depends on these and its number alone."""
    optimized, distributions = _optimized(entry, spaces, ended)
    if fixed:
        optimized.enqueue_trial(dict(fixed))
    return optimized.ask(fixed_distributions=distributions)


def importances(entry: SearchEntry, spaces: Sequence[Varied], ended: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """How much of what sets the better trials apart each option is, together 1; empty where trials are too few to tell.

    Notes
    -----
    PED-ANOVA: Watanabe et al., 2023, https://arxiv.org/abs/2304.10255, as Optuna has it.
    """
    import warnings

    import optuna

    done = [each for each in ended if each["state"] == "done"]
    if len(done) < 2 or len({each["value"] for each in done}) < 2:
        return {}
    optimized, _ = _optimized(entry, spaces, done)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is called experimental
        try:
            told = optuna.importance.get_param_importances(
                optimized, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
            )
        except (ValueError, RuntimeError):  # an option of one value alone, or too few trials
            return {}
    found = {name: float(value) for name, value in told.items()}
    return found if all(map(math.isfinite, found.values())) else {}


def _optimized(
    entry: SearchEntry, spaces: Sequence[Varied], ended: Sequence[Mapping[str, Any]]
) -> tuple[Any, dict[str, Any]]:
    """Optuna's study with the trials that ended, and what it draws from."""
    import optuna

    seed = int(stream(entry.seed, "search", len(ended)).integers(2**32))
    sampler = (optuna.samplers.TPESampler if entry.sampler == "tpe" else optuna.samplers.RandomSampler)(seed=seed)
    pruner = optuna.pruners.MedianPruner() if entry.pruner == "median" else optuna.pruners.NopPruner()
    optimized = optuna.create_study(
        direction="maximize" if entry.maximize else "minimize", sampler=sampler, pruner=pruner
    )
    distributions = {each.name: each.distribution() for each in spaces}
    states = {"done": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
    optimized.add_trials(
        [
            optuna.trial.create_trial(
                state=optuna.trial.TrialState[states[each["state"]]],
                value=each["value"],
                params={space.name: space.drawn(each["options"][space.name]) for space in spaces},
                distributions=distributions,
                intermediate_values=_running_means(each["cases"]),
            )
            for each in ended
        ]
    )
    return optimized, distributions


def _running_means(cases: list[float]) -> dict[int, float]:
    return {step: math.fsum(cases[: step + 1]) / (step + 1) for step in range(len(cases))}


def append_trial(path: Path, trial: Mapping[str, Any]) -> None:
    """Write a trial that ended behind the others, so that a crash leaves it whole or torn at the end."""
    with open(path, "a") as file:
        file.write(json.dumps(trial) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_trials(path: Path) -> list[dict[str, Any]]:
    """The trials of a journal, as far as they are whole."""
    if not path.exists():
        return []
    ended: list[dict[str, Any]] = []
    text = path.read_text()
    for line in text.splitlines():
        try:
            ended.append(json.loads(line))
        except ValueError:
            break  # torn: it is tried again
    whole = "".join(json.dumps(each) + "\n" for each in ended)
    if whole != text:
        with store.atomic(path) as aside:
            aside.write_text(whole)
    return ended
