"""Tasks that need memory: match to a sample after a delay, accumulate evidence."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.errors import OptionError, whole
from conntap.train.task import Task

__all__ = ["Part", "check_delay", "check_samples", "check_shares", "delayed_match", "evidence"]

Part = Literal["train", "test"]
"""Which data: those to train on, or others; in a study they come of different streams."""


def delayed_match(
    *,
    n: int = 1000,
    stimuli: int = 2,
    sample_steps: int = 3,
    delay_steps: int | tuple[int, int] = 5,
    test_steps: int = 3,
    noise: float = 0.1,
    part: Part = "train",
    rng: np.random.Generator,
) -> Task:
    """Was the second stimulus the first one? A sample, a delay, a test, and an answer while the test lasts.

    Half of the samples match. Sequences are as long as the longest delay; a shorter one begins later, after rest.

    Parameters
    ----------
    n
        Number of samples.
    stimuli
        Number of different stimuli, each a channel of its own.
    sample_steps, test_steps
        How long sample and test last.
    delay_steps
        How long the delay lasts, or its least and its greatest length, drawn for each sample.
    noise
        Standard deviation of what is added to each channel at each step.
    part
        Changes nothing here but the options; so stages of a study that differ in it draw other samples.
    rng
        The source of randomness.

    Returns
    -------
    Classes 0 (differs) and 1 (matches); `stimuli` channels; columns of samples: sample, test, delay, match.

    Raises
    ------
    OptionError
        An option out of range.

    Notes
    -----
    Linear in samples, steps and channels. Delayed match to sample as in Yang et al., 2019, doi:10.1038/s41593-018-0310-2.

    Examples
    --------
    >>> delayed_match(n=10, rng=np.random.default_rng(1))
    Task(delayed_match: 10 samples of 11 steps, 2 channels, 2 classes)
    """
    check_samples("delayed_match", n=n, sample_steps=sample_steps, test_steps=test_steps)
    whole("delayed_match.stimuli", stimuli, 2)
    check_shares("delayed_match", np.inf, noise=noise)
    least, most = check_delay("delayed_match", delay_steps)
    match = _balanced(n, 2, rng)
    first = rng.integers(stimuli, size=n)
    other = (first + rng.integers(1, stimuli, size=n)) % stimuli
    second = np.where(match == 1, first, other)
    delay = rng.integers(least, most + 1, size=n)
    steps = np.arange(sample_steps + most + test_steps)
    begin = (most - delay)[:, None]
    sampling = (steps >= begin) & (steps < begin + sample_steps)
    testing = np.broadcast_to(steps >= sample_steps + most, (n, len(steps)))
    channels = np.arange(stimuli)
    inputs = sampling[:, :, None] * (first[:, None, None] == channels) + testing[:, :, None] * (
        second[:, None, None] == channels
    )
    samples = pd.DataFrame({"sample": first, "test": second, "delay": delay, "match": match})
    about = {"task": "delayed_match", "stimuli": stimuli, "noise": noise, "part": part}
    return Task(_noisy(inputs, noise, rng), match, testing, "classes", 2, samples, about)


def evidence(
    *,
    n: int = 1000,
    steps: int = 20,
    strengths: tuple[float, ...] = (0.1, 0.2, 0.4),
    delay_steps: int | tuple[int, int] = 0,
    answer_steps: int = 3,
    noise: float = 0.5,
    part: Part = "train",
    rng: np.random.Generator,
) -> Task:
    """Which of two noisy channels is stronger on average? Evidence, a delay, and an answer after a cue.

    At each step of evidence the channels have means (1 + s) / 2 and (1 - s) / 2 or the other way round; a third channel is 1
    while the answer is asked for.

    Parameters
    ----------
    n
        Number of samples.
    steps
        How long evidence lasts.
    strengths
        Values of s, from 0 to 1, of which one is drawn for each sample.
    delay_steps
        Steps without evidence before the answer, or their least and greatest number.
    answer_steps
        How long the answer is asked for.
    noise
        Standard deviation of what is added to both channels at each step of evidence.
    part
        Changes nothing here but the options; so stages of a study that differ in it draw other samples.
    rng
        The source of randomness.

    Returns
    -------
    Classes 0 and 1, the stronger channel, half each; 3 channels; columns of samples: strength, side, delay, shown (the
    difference of the channels that was shown, mean over steps).

    Raises
    ------
    OptionError
        An option out of range.

    Notes
    -----
    Linear in samples and steps. An observer that adds up everything is right with probability
    normal cdf(s * sqrt(steps / 2) / noise). Roitman and Shadlen, 2002, doi:10.1523/JNEUROSCI.22-21-09475.2002.

    Examples
    --------
    >>> evidence(n=10, rng=np.random.default_rng(1))
    Task(evidence: 10 samples of 23 steps, 3 channels, 2 classes)
    """
    check_samples("evidence", n=n, steps=steps, answer_steps=answer_steps)
    check_shares("evidence", 1, strengths=strengths)
    check_shares("evidence", np.inf, noise=noise)
    least, most = check_delay("evidence", delay_steps)
    side = _balanced(n, 2, rng)
    strength = rng.choice(np.asarray(strengths, dtype=np.float64), size=n)
    delay = rng.integers(least, most + 1, size=n)
    signed = np.where(np.arange(2) == side[:, None], 1.0, -1.0) * strength[:, None]
    shown = _noisy(np.repeat((1 + signed[:, None, :]) / 2, steps, axis=1), noise, rng)
    inputs = np.zeros((n, most + steps + answer_steps, 3), dtype=np.float32)
    at = (most - delay)[:, None] + np.arange(steps)
    inputs[np.arange(n)[:, None], at, :2] = shown
    mask = np.zeros(inputs.shape[:2], dtype=bool)
    mask[:, most + steps :] = True
    inputs[:, most + steps :, 2] = 1
    difference = (shown[:, :, 1] - shown[:, :, 0]).mean(axis=1)
    samples = pd.DataFrame({"strength": strength, "side": side, "delay": delay, "shown": difference})
    about = {"task": "evidence", "steps": steps, "noise": noise, "part": part}
    return Task(inputs, side, mask, "classes", 2, samples, about)


def check_samples(where: str, **least_1: int) -> None:
    """Refuse numbers that are not whole and at least 1."""
    for name, value in least_1.items():
        whole(f"{where}.{name}", value, 1)


def check_shares(where: str, most: float, **given: Any) -> None:
    """Refuse numbers, or lists of them, outside 0 to `most`."""
    for name, value in given.items():
        values = np.atleast_1d(np.asarray(value, dtype=np.float64))
        upper = f"{most:g}" if np.isfinite(most) else "no limit"
        if not len(values):
            raise OptionError(f"{where}.{name}: empty; give at least one number.")
        wrong = values[~(np.isfinite(values) & (values >= 0) & (values <= most))]
        if len(wrong):
            raise OptionError(f"{where}.{name}: {wrong[0]:g}; it is from 0 to {upper}. Give such a number.")


def check_delay(where: str, given: int | tuple[int, int]) -> tuple[int, int]:
    """The least and the greatest delay."""
    least, most = (given, given) if isinstance(given, int) else given
    whole(f"{where}.delay_steps", least, 0)
    whole(f"{where}.delay_steps", most, 0)
    if least > most:
        raise OptionError(f"{where}.delay_steps: from {least} to {most}; give the lesser number first.")
    return int(least), int(most)


def _balanced(n: int, classes: int, rng: np.random.Generator) -> np.ndarray:
    """As many of each class as can be, shuffled."""
    return rng.permutation(np.arange(n, dtype=np.int64) % classes)


def _noisy(inputs: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    return (inputs + noise * rng.standard_normal(inputs.shape)).astype(np.float32)
