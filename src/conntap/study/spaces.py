"""What a search may vary, tune on and test on; checked against the stages of its study."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from conntap.errors import OptionError, unknown
from conntap.study.entries import SearchEntry, Stage
from conntap.study.yaml import Place

__all__ = ["Varied", "check_searches", "grid_of", "spaces_of"]


@dataclass(frozen=True)
class Varied:
    """One option of a stage and the values it may take: choices, or a range of numbers."""

    stage: str
    option: str
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False
    step: float | None = None

    @property
    def name(self) -> str:
        """`stage.option`, as the document has it."""
        return f"{self.stage}.{self.option}"

    @property
    def is_whole(self) -> bool:
        """Whether the range is of whole numbers."""
        return all(isinstance(each, int) for each in (self.low, self.high, self.step or 0))

    def distribution(self) -> Any:
        """What Optuna draws from; choices by their place."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.choices:
            return CategoricalDistribution([_text(each) for each in self.choices])
        if self.is_whole:
            return IntDistribution(self.low, self.high, log=self.log, step=self.step or 1)
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def value(self, drawn: Any) -> Any:
        """The option's value for what was drawn."""
        return json.loads(drawn) if self.choices else drawn

    def drawn(self, value: Any) -> Any:
        """What Optuna would have drawn for a value."""
        return _text(value) if self.choices else value

    def values(self) -> list[Any]:
        """All values, where they can be counted; else none."""
        if self.choices:
            return list(self.choices)
        step = self.step or (1 if self.is_whole and not self.log else None)
        if step is None:
            return []
        return [self.low + step * each for each in range(math.floor((self.high - self.low) / step + 1e-9) + 1)]


def spaces_of(entry: SearchEntry) -> list[Varied]:
    """What a checked search varies, in the order of the document."""
    return [_varied(name, given) for name, given in entry.vary.items()]


def grid_of(entry: SearchEntry) -> list[dict[str, Any]]:
    """All combinations of values, the last option changing fastest.

    Examples
    --------
    >>> entry = SearchEntry(vary={"a.x": [1, 2], "a.y": {"low": 0.0, "high": 1.0, "step": 0.5}}, maximize="b",
    ...                     tune={"repeat": [0]}, test={"repeat": [1]}, sampler="grid")
    >>> grid_of(entry)[:4]
    [{'a.x': 1, 'a.y': 0.0}, {'a.x': 1, 'a.y': 0.5}, {'a.x': 1, 'a.y': 1.0}, {'a.x': 2, 'a.y': 0.0}]
    """
    spaces = spaces_of(entry)
    return [dict(zip(entry.vary, values, strict=True)) for values in product(*(each.values() for each in spaces))]


def check_searches(
    searches: Mapping[str, SearchEntry], stages: Mapping[str, Stage], problem: Callable[[str, Place], None]
) -> None:
    """Tell of options, stages and values that are not there."""
    for name, entry in searches.items():
        place: Place = ("search", name)
        for option, given in entry.vary.items():
            for message in _mistakes(f"search.{name}.vary", option, given, stages, entry.sampler == "grid"):
                problem(message, (*place, "vary", option))
        measured, how = (
            (entry.maximize or entry.minimize or "").partition(".")[0],
            "maximize" if entry.maximize else "minimize",
        )
        if measured not in stages:
            problem(unknown(f"search.{name}.{how}", "stage", measured, stages), (*place, how))
        elif stages[measured].slices:
            problem(f"search.{name}.{how}: {measured} is sliced; name a stage that is not.", (*place, how))


def _mistakes(where: str, name: str, given: Any, stages: Mapping[str, Stage], grid: bool) -> list[str]:
    stage, _, option = name.partition(".")
    if stage not in stages or stage.startswith("subtargets."):
        return [unknown(where, "stage", stage, stages) + " Write stage.option."]
    step = stages[stage].step
    if option not in step.options:
        return [unknown(f"{where}.{stage}", "option", option, step.options)]
    if option in stages[stage].each:
        return [f"{where}.{name}: the stage sweeps this option by `each`; keep one of the two."]
    try:
        space = _varied(name, given)
    except (TypeError, ValueError) as error:
        return [
            f"{where}.{name}: {error}. Write a list of values, or {{low: 0.1, high: 10, log: true}} (or step: 0.1)."
        ]
    told = []
    for value in space.choices or (space.low, space.high):
        try:
            step.options[option].check(value, where)
        except OptionError as error:
            told.append(str(error))
    if grid and not space.values():
        told.append(f"{where}.{name}: a grid needs values that can be counted. Give a list, or a step.")
    return told


def _varied(name: str, given: Any) -> Varied:
    stage, _, option = name.partition(".")
    if isinstance(given, list):
        if not given:
            raise ValueError("no values")
        if len({_text(each) for each in given}) < len(given):
            raise ValueError("a value stands twice")
        return Varied(stage, option, choices=tuple(given))
    if (
        not isinstance(given, dict)
        or not {"low", "high"} <= given.keys()
        or given.keys() - {"low", "high", "log", "step"}
    ):
        raise ValueError(f"{given!r}")
    low, high, log, step = given["low"], given["high"], given.get("log", False), given.get("step")
    numbers = [low, high] if step is None else [low, high, step]
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in numbers) or not isinstance(
        log, bool
    ):
        raise TypeError("low, high and step are numbers, log is true or false")
    if not low < high:
        raise ValueError(f"low {low} is not below high {high}")
    if log and (low <= 0 or step is not None):
        raise ValueError("log goes with a low above 0 and no step")
    if step is not None and step <= 0:
        raise ValueError(f"step {step} is not positive")
    return Varied(stage, option, low=low, high=high, log=log, step=step)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
