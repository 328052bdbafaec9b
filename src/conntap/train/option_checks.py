"""What can be told of the options of training before there is anything to train; torch is not needed for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conntap.errors import OptionError, whole
from conntap.train.dot_tasks import check_options
from conntap.train.making import check_network
from conntap.train.memory_tasks import check_delay, check_samples, check_shares
from conntap.train.options import check_fit, training_of

__all__ = ["CHECKS"]

Check = Callable[..., None]


def _counts(where: str, *names: str) -> dict[tuple[str, ...], Check]:
    return {(name,): lambda **given: check_samples(where, **given) for name in names}


def _least(where: str, **least: int) -> dict[tuple[str, ...], Check]:
    def check(**given: Any) -> None:
        for name, value in given.items():
            if value is not None:
                whole(f"{where}.{name}", value, least[name])

    return {(name,): check for name in least}


def _shares(where: str, most: float, *names: str) -> dict[tuple[str, ...], Check]:
    return {(name,): lambda **given: check_shares(where, most, **given) for name in names}


def _delay(where: str) -> dict[tuple[str, ...], Check]:
    return {("delay_steps",): lambda delay_steps: check_delay(where, delay_steps) and None}


def _answer(steps: int, answer_steps: int) -> None:
    if answer_steps > steps:
        raise OptionError(f"digits.answer_steps: {answer_steps}, but there are {steps} steps. Give at most as many.")


CHECKS: dict[str, dict[tuple[str, ...], Check]] = {
    "correlated_dots": {("n", "size", "steps", "directions", "correlations", "dots"): check_options},
    "delayed_match": {
        **_counts("delayed_match", "n", "sample_steps", "test_steps"),
        **_least("delayed_match", stimuli=2),
        **_delay("delayed_match"),
        **_shares("delayed_match", np.inf, "noise"),
    },
    "digits": {
        **_least("digits", n=1, steps=1),
        ("steps", "answer_steps"): _answer,
        **_shares("digits", np.inf, "noise"),
    },
    "best_of": _counts("best_of", "rank"),
    "evidence": {
        **_counts("evidence", "n", "steps", "answer_steps"),
        **_delay("evidence"),
        **_shares("evidence", 1, "strengths"),
        **_shares("evidence", np.inf, "noise"),
    },
    "fit": {
        ("epochs", "batch", "rate"): check_fit,
        ("network",): lambda network: check_network(network or {}),
        ("training",): lambda training: training_of("fit.training", training) and None,
    },
    "sequential_digits": {
        **_least("sequential_digits", n=1, wait_steps=0, answer_steps=1),
        **_shares("sequential_digits", np.inf, "noise"),
    },
}
"""Step -> names of options -> what refuses values of these that no input makes right.

Each is called with the values of its options as keywords, defaults where none are given.
"""
