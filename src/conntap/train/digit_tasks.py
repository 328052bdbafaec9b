"""Handwritten digits as tasks: shown at once, or row after row. They ship with scikit-learn."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from conntap.errors import MissingExtra, OptionError, whole
from conntap.train.memory_tasks import Part, check_samples, check_shares
from conntap.train.task import Task

__all__ = ["digits", "sequential_digits"]

_TEST = 5  # one of so many images is for testing: the last ones


def digits(
    *,
    n: int | None = None,
    steps: int = 10,
    answer_steps: int = 1,
    noise: float = 0.0,
    part: Part = "train",
    rng: np.random.Generator,
) -> Task:
    """Which digit is it? An image of 8 x 8 pixels, shown all the time; the answer counts at the end.

    Parameters
    ----------
    n
        Number of images, drawn without replacement; None: all, in their order.
    steps
        How long an image is shown.
    answer_steps
        At how many of the last steps the answer counts.
    noise
        Standard deviation of what is added to each pixel (0 to 1) at each step.
    part
        "train": the first four fifths of the images; "test": the others, largely of other writers.
    rng
        The source of randomness.

    Returns
    -------
    Classes 0 to 9; 64 channels, row by row, from 0 (paper) to 1 (ink); columns of samples: digit, image (its number).

    Raises
    ------
    OptionError
        An option out of range, more images than there are.
    MissingExtra
        scikit-learn is not installed.

    Notes
    -----
    1,797 images, 256 bytes an image and step. Alpaydin and Kaynak, 1998, doi:10.24432/C50P49.

    Examples
    --------
    >>> digits(n=20, rng=np.random.default_rng(1))
    Task(digits: 20 samples of 10 steps, 64 channels, 10 classes)
    """
    check_samples("digits", steps=steps, answer_steps=answer_steps)
    check_shares("digits", np.inf, noise=noise)
    if answer_steps > steps:
        raise OptionError(f"digits.answer_steps: {answer_steps}, but there are {steps} steps. Give at most as many.")
    images, samples = _images("digits", n, part, rng)
    inputs = np.repeat(images.reshape(len(images), 1, 64), steps, axis=1)
    about = {"task": "digits", "noise": noise, "part": part}
    return _answered(inputs, samples, answer_steps, noise, about, rng)


def sequential_digits(
    *,
    n: int | None = None,
    by: Literal["rows", "columns", "pixels"] = "rows",
    wait_steps: int = 0,
    answer_steps: int = 1,
    noise: float = 0.0,
    part: Part = "train",
    rng: np.random.Generator,
) -> Task:
    """Which digit was it? An image of 8 x 8 pixels, shown row by row, column by column or pixel by pixel; then the answer.

    Parameters
    ----------
    n
        Number of images, drawn without replacement; None: all, in their order.
    by
        What is shown at one step: a row from the top on (8 channels), a column from the left on, a pixel (1 channel).
    wait_steps
        Steps without input before the answer counts.
    answer_steps
        For how many steps it counts; these follow the image and have no input.
    noise
        Standard deviation of what is added to each pixel (0 to 1) that is shown.
    part
        "train": the first four fifths of the images; "test": the others, largely of other writers.
    rng
        The source of randomness.

    Returns
    -------
    Classes 0 to 9; 8 channels or 1; columns of samples: digit, image (its number).

    Raises
    ------
    OptionError
        An option out of range, more images than there are.
    MissingExtra
        scikit-learn is not installed.

    Notes
    -----
    1,797 images. Sequential digits as in Le et al., 2015, arXiv:1504.00941.

    Examples
    --------
    >>> sequential_digits(n=20, rng=np.random.default_rng(1))
    Task(sequential_digits: 20 samples of 9 steps, 8 channels, 10 classes)
    """
    check_samples("sequential_digits", answer_steps=answer_steps)
    whole("sequential_digits.wait_steps", wait_steps, 0)
    check_shares("sequential_digits", np.inf, noise=noise)
    images, samples = _images("sequential_digits", n, part, rng)
    shown = images.transpose(0, 2, 1) if by == "columns" else images
    shown = shown.reshape(len(images), *((64, 1) if by == "pixels" else (8, 8)))
    if noise:
        shown = shown + noise * rng.standard_normal(shown.shape)
    inputs = np.pad(shown, ((0, 0), (0, wait_steps + answer_steps), (0, 0)))
    about = {"task": "sequential_digits", "by": by, "noise": noise, "part": part}
    return _answered(inputs, samples, answer_steps, 0.0, about, rng)


def _images(where: str, n: int | None, part: str, rng: np.random.Generator) -> tuple[np.ndarray, pd.DataFrame]:
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise MissingExtra("train", package="scikit-learn", needed_for=f"train.{where}") from error
    found = load_digits()
    first = len(found.images) - len(found.images) // _TEST
    rows = np.arange(len(found.images))[slice(first) if part == "train" else slice(first, None)]
    if n is not None:
        whole(f"{where}.n", n, 1)
        if n > len(rows):
            raise OptionError(f"{where}.n: {n}, but part {part!r} has {len(rows)} images. Give at most as many.")
        rows = rng.choice(rows, size=n, replace=False)
    return found.images[rows] / 16, pd.DataFrame({"digit": found.target[rows].astype(np.int64), "image": rows})


def _answered(
    inputs: np.ndarray,
    samples: pd.DataFrame,
    answer_steps: int,
    noise: float,
    about: dict[str, object],
    rng: np.random.Generator,
) -> Task:
    if noise:
        inputs = inputs + noise * rng.standard_normal(inputs.shape)
    mask = np.zeros(inputs.shape[:2], dtype=bool)
    mask[:, -answer_steps:] = True
    return Task(inputs, samples["digit"].to_numpy(), mask, "classes", 10, samples, about)
