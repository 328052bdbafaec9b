"""Dots that move together among dots that do not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.errors import OptionError, whole
from conntap.train.memory_tasks import Part, check_samples, check_shares
from conntap.train.task import Task

__all__ = ["correlated_dots"]


def correlated_dots(
    *,
    n: int = 1000,
    size: int = 8,
    steps: int = 10,
    directions: int = 4,
    correlations: tuple[float, ...] = (0.5, 1.0),
    dots: int = 8,
    part: Part = "train",
    rng: np.random.Generator,
) -> Task:
    """Whither do the dots move? Some move one pixel a step in one direction; the others jump anywhere at each step.

    Which of the dots move together is drawn anew at each step, so that no single dot tells. The field has no border: what
    leaves it enters at the other side.

    Parameters
    ----------
    n
        Number of samples.
    size
        Width and height of the field, in pixels.
    steps
        Number of frames; the answer counts at the last.
    directions
        2 (right, left), 4 (and up, down) or 8 (and the diagonals).
    correlations
        Probabilities of a dot to move with the others, of which one is drawn for each sample.
    dots
        Number of dots.
    part
        Changes nothing here but the options; so stages of a study that differ in it draw other samples.
    rng
        The source of randomness.

    Returns
    -------
    As many classes as directions; size x size channels, row by row, with the number of dots on each pixel; columns of
    samples: direction, angle (degrees, from right to up), correlation.

    Raises
    ------
    OptionError
        An option out of range.

    Notes
    -----
    Linear in samples, steps and pixels. Newsome and Pare, 1988, doi:10.1523/JNEUROSCI.08-06-02201.1988.

    Examples
    --------
    >>> correlated_dots(n=12, rng=np.random.default_rng(1))
    Task(correlated_dots: 12 samples of 10 steps, 64 channels, 4 classes)
    """
    check_options(n, size, steps, directions, correlations, dots)
    direction = rng.permutation(np.arange(n, dtype=np.int64) % directions)
    angle = _angles(directions)[direction]
    move = np.rint(np.stack([-np.sin(np.radians(angle)), np.cos(np.radians(angle))], axis=1)).astype(np.int64)
    correlation = rng.choice(np.asarray(correlations, dtype=np.float64), size=n)
    inputs = np.zeros((n, steps, size * size), dtype=np.float32)
    places = rng.integers(size, size=(n, dots, 2))
    for step in range(steps):
        if step:
            together = rng.random((n, dots)) < correlation[:, None]
            anywhere = rng.integers(size, size=(n, dots, 2))
            places = np.where(together[:, :, None], (places + move[:, None, :]) % size, anywhere)
        pixels = places[:, :, 0] * size + places[:, :, 1]
        np.add.at(inputs[:, step], (np.arange(n)[:, None], pixels), 1)
    mask = np.zeros((n, steps), dtype=bool)
    mask[:, -1] = True
    samples = pd.DataFrame({"direction": direction, "angle": angle, "correlation": correlation})
    about = {"task": "correlated_dots", "size": size, "dots": dots, "part": part}
    return Task(inputs, direction, mask, "classes", directions, samples, about)


def check_options(n: int, size: int, steps: int, directions: int, correlations: tuple[float, ...], dots: int) -> None:
    """Refuse options out of range."""
    check_samples("correlated_dots", n=n, dots=dots)
    whole("correlated_dots.size", size, 3)
    whole("correlated_dots.steps", steps, 2)
    if directions not in (2, 4, 8):
        raise OptionError(f"correlated_dots.directions: {directions}; known: 2, 4, 8. Give one of these.")
    check_shares("correlated_dots", 1, correlations=correlations)


def _angles(directions: int) -> np.ndarray:
    return {2: np.array([0, 180]), 4: np.array([0, 180, 90, 270])}.get(directions, np.arange(8) * 45)
