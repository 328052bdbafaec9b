"""The options of training, checked before anything is trained; the rate of learning at each step."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from conntap.errors import OptionError, unknown, whole

__all__ = ["Training", "check_fit", "learning_rate", "training_of"]

Optimiser = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "cosine", "step"]


@dataclass(frozen=True)
class Training:
    """How a network is trained, beyond epochs, batch and rate.

    Parameters
    ----------
    optimiser
        "adam", "adamw" or "sgd" (with `momentum`).
    momentum
        Of "sgd", from 0 to below 1.
    weight_decay
        A share of each parameter that is taken away (adamw), or added to its gradient (adam, sgd), in units of the rate.
    schedule
        The rate stays ("constant"), falls as half a cosine to `final` of it at the last epoch ("cosine"), or is multiplied by
        `factor` every `every` epochs ("step").
    final
        Share of the rate that is left at the end of "cosine".
    factor, every
        See "step".
    warmup
        For so many epochs the rate grows in proportion to the steps taken; then the schedule begins.
    clip
        Greatest norm of the gradient of all parameters together; a longer one is shortened. None: none is.
    loss
        "cross_entropy" (classes) or "mse" (values); None: as the kind of the task has it.
    validation
        Share of the samples that are never trained on but tell which epoch is best, from 0 (then the last one is) to below 1.
    patience
        Training ends when the validation loss did not fall by more than `min_fall` for so many epochs. None: never early.
    min_fall
        See `patience`.
    keep
        The parameters that are kept: those of the "best" epoch by validation loss, or the "last".
    threads
        Of torch. One thread gives the same bits wherever it runs on one kind of machine; more may round otherwise.
    device
        "cpu", or "cuda" with a number if need be.
    """

    __pydantic_config__ = {"extra": "forbid"}  # type: ignore[misc]  # noqa: RUF012

    optimiser: Optimiser = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    final: float = 0.01
    factor: float = 0.5
    every: int = 10
    warmup: int = 0
    clip: float | None = 1.0
    loss: Literal["cross_entropy", "mse"] | None = None
    validation: float = 0.2
    patience: int | None = None
    min_fall: float = 0.0
    keep: Literal["best", "last"] = "best"
    threads: int = 1
    device: str = "cpu"


_LEAST = {"every": 1, "warmup": 0, "threads": 1, "patience": 1}
_RANGES = {
    "momentum": (0.0, 1.0, "below"),
    "weight_decay": (0.0, math.inf, "below"),
    "final": (0.0, 1.0, "to"),
    "factor": (0.0, 1.0, "to"),
    "validation": (0.0, 1.0, "below"),
    "min_fall": (0.0, math.inf, "below"),
}
_CHOICES = {"optimiser": Optimiser, "schedule": Schedule, "keep": Literal["best", "last"]}


def training_of(where: str, given: Training | Mapping[str, Any]) -> Training:
    """The options of training, checked.

    Raises
    ------
    OptionError
        A name that is not known, a value out of range.

    Examples
    --------
    >>> training_of("fit.training", {"optimiser": "sgd"}).momentum
    0.9
    >>> training_of("fit.training", {"clipp": 1})
    Traceback (most recent call last):
    conntap.errors.OptionError: fit.training: unknown option 'clipp'; known: clip, device, every, factor, final, keep, loss, min_fall,
    momentum, optimiser, patience, schedule and 4 more. Did you mean 'clip'?
    """
    if isinstance(given, Mapping):
        names = [each.name for each in fields(Training)]
        for name in given:
            if name not in names:
                raise OptionError(unknown(where, "option", name, names))
        given = Training(**given)
    if not isinstance(given, Training):
        raise OptionError(f"{where}: {given!r}; give names and values, such as {{optimiser: sgd}}.")
    for name, kind in _CHOICES.items():
        if getattr(given, name) not in get_args(kind):
            raise OptionError(unknown(f"{where}.{name}", "name", getattr(given, name), get_args(kind)))
    for name, least in _LEAST.items():
        if not (name == "patience" and given.patience is None):
            whole(f"{where}.{name}", getattr(given, name), least)
    for name, (least, most, how) in _RANGES.items():
        value = getattr(given, name)
        if not (_is_number(value) and least <= value and (value < most or (how == "to" and value == most))):
            upper = f" {how} {most:g}" if math.isfinite(most) else ""
            raise OptionError(f"{where}.{name}: {value!r}; give a number from {least:g}{upper}.")
    if given.clip is not None and not (_is_number(given.clip) and given.clip > 0):
        raise OptionError(f"{where}.clip: {given.clip!r}; give a norm above 0, or null for no clipping.")
    if given.loss not in (None, "cross_entropy", "mse"):
        raise OptionError(unknown(f"{where}.loss", "loss", given.loss, ["cross_entropy", "mse"]))
    if not isinstance(given.device, str) or not re.fullmatch(r"cpu|cuda(:\d+)?", given.device):
        raise OptionError(f"{where}.device: {given.device!r}; give cpu, cuda, or cuda:1 and the like.")
    if given.patience is not None and given.validation == 0:
        raise OptionError(f"{where}.patience: needs validation data, but validation is 0. Give a share, such as 0.2.")
    return given


def check_fit(epochs: int, batch: int, rate: float) -> None:
    """Refuse numbers that no training can use.

    Examples
    --------
    >>> check_fit(10, 32, -1)
    Traceback (most recent call last):
    conntap.errors.OptionError: fit.rate: -1; give a rate of learning above 0 and up to 1000, such as 0.003.
    """
    whole("fit.epochs", epochs, 1)
    whole("fit.batch", batch, 1)
    if not (_is_number(rate) and 0 < rate <= 1000):
        raise OptionError(f"fit.rate: {rate!r}; give a rate of learning above 0 and up to 1000, such as 0.003.")


def learning_rate(step: int, *, per_epoch: int, epochs: int, rate: float, training: Training) -> float:
    """The rate of learning at a step, counted from 0 over all epochs.

    Parameters
    ----------
    per_epoch
        Steps of an epoch.

    Returns
    -------
    A rate above 0 (at the last step of "cosine" it has not quite come to `final`).

    Examples
    --------
    >>> [learning_rate(at, per_epoch=1, epochs=4, rate=1.0, training=Training(schedule="step", every=2)) for at in range(4)]
    [1.0, 1.0, 0.5, 0.5]
    """
    warm = training.warmup * per_epoch
    if step < warm:
        return rate * (step + 1) / warm
    done = step - warm
    if training.schedule == "cosine":
        total = max(1, epochs * per_epoch - warm)
        return rate * (training.final + (1 - training.final) * (1 + math.cos(math.pi * min(1.0, done / total))) / 2)
    if training.schedule == "step":
        return rate * training.factor ** (done // (training.every * per_epoch))
    return rate


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
