"""What a hexagonal eye sees: edges that move, and flashes, on the photoreceptors of a connectome whose nodes have columns (u, v)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, unknown, whole
from conntap.train.memory_tasks import Part, check_samples, check_shares
from conntap.train.task import Task

__all__ = [
    "Eye",
    "check_edges",
    "check_flashes",
    "check_patterns",
    "eye_of",
    "flashes",
    "moving_edges",
    "moving_patterns",
    "positions",
]

_POLARITIES = {"off": -1.0, "on": 1.0}


@dataclass(frozen=True)
class Eye:
    """Which nodes see, where they stand, and how time is cut.

    Parameters
    ----------
    inputs
        The nodes that see: each is a channel of the task, in the order of the connectome.
    u, v
        Node properties that hold the column, in axial coordinates.
    dt_ms
        The length of a step.
    rest_ms
        How long all is grey before a stimulus.
    grey
        Light at rest; a contrast of 1 is darkness or twice that.
    noise
        Standard deviation of what edges are seen with, drawn for each node that sees and each step after the rest.
    """

    inputs: Selection | None = "role == 'input'"
    u: str = "u"
    v: str = "v"
    dt_ms: float = 20.0
    rest_ms: float = 20.0
    grey: float = 0.5
    noise: float = 0.0


USUAL = Eye()
"""The usual eye."""


def positions(u: Any, v: Any) -> np.ndarray:
    """Where columns stand, shape (columns, 2): x to the right and y upwards, neighbours 1 apart.

    As the fly's columnar model has it (Lappalainen et al., 2024, doi:10.1038/s41586-024-07939-3), so that T4a and T5a prefer motion
    to the left, b to the right, c upwards and d downwards.

    Examples
    --------
    >>> positions([0, 0, -1], [0, 1, 0]).round(3).tolist()
    [[0.0, 0.0], [0.866, -0.5], [0.0, 1.0]]
    """
    u, v = np.asarray(u, dtype=np.float64), np.asarray(v, dtype=np.float64)
    return np.stack([np.sqrt(3) / 2 * v, 0.0 - (u + v / 2)], axis=-1)


def moving_edges(
    connectome: Connectome,
    *,
    n: int | None = 400,
    directions: int = 4,
    speeds: tuple[float, ...] = (20.0, 30.0),
    polarities: tuple[str, ...] = ("on", "off"),
    contrasts: tuple[float, ...] = (1.0,),
    eye: Eye | dict[str, Any] = USUAL,
    part: Part = "train",
    rng: np.random.Generator,
) -> Task:
    """Whither does the edge move? A bright or a dark edge crosses a grey eye and leaves it bright or dark.

    Parameters
    ----------
    connectome
        Its nodes have a column and those that see are known; see `eye`.
    n
        Number of samples, each beginning somewhat earlier or later. None: every combination once, without that.
    directions
        How many, evenly around from 0 degrees (to the right) on. The eye looks the same to 2, 3 or 6 of them; with others, the course
        of the light on the whole eye tells a little.
    speeds
        In columns a second.
    polarities
        Edges to brightness ("on") or to darkness ("off").
    contrasts
        Of what follows the edge to grey: above 0, at most 1.
    eye
        Which nodes see, where they stand, and how time is cut; also as a mapping of what differs.
    part
        Changes nothing here but the options; so stages of a study that differ in it draw other samples.
    rng
        The source of randomness.

    Returns
    -------
    As many classes as directions, a channel for each node that sees; the answer counts at the last step. Columns of samples:
    direction, angle (degrees, counterclockwise from right), polarity, contrast, speed.

    Raises
    ------
    OptionError
        An option out of range, nodes without a column, no node that sees.

    Notes
    -----
    A column sees the edge come over a width of one column. As many steps as the slowest edge needs; four bytes a sample, step and
    channel.

    Examples
    --------
    >>> nodes = pd.DataFrame({"u": [-1, 0, 1], "v": [0, 0, 0], "role": "input"})
    >>> task = moving_edges(Connectome(nodes, [0], [1]), n=None, directions=2, speeds=(50.0,), rng=np.random.default_rng(1))
    >>> task.samples[["angle", "polarity"]].values.tolist()
    [[0.0, 'on'], [0.0, 'off'], [180.0, 'on'], [180.0, 'off']]
    """
    eye = eye_of("moving_edges", eye)
    check_edges(n, directions, speeds, polarities, contrasts)
    places = _places(connectome, eye, "moving_edges")
    every = pd.MultiIndex.from_product([range(directions), polarities, contrasts, speeds]).to_frame(index=False)
    rows = np.arange(len(every)) if n is None else rng.permutation(np.arange(n) % len(every))
    samples = every.iloc[rows].reset_index(drop=True)
    samples.columns = ["direction", "polarity", "contrast", "speed"]
    samples.insert(1, "angle", samples["direction"] * 360.0 / directions)
    reach = float(np.hypot(*places.T).max()) + 0.5
    late = np.zeros(len(samples)) if n is None else rng.uniform(0, 2.0, len(samples))
    rest = max(1, round(eye.rest_ms / eye.dt_ms))
    steps = rest + int(np.ceil((2 * reach + 2.0 * (n is not None)) / min(speeds) * 1000 / eye.dt_ms)) + 1
    time = np.maximum(np.arange(steps) - rest + 1, 0) * eye.dt_ms / 1000
    front = samples["speed"].to_numpy()[:, None] * time - reach - late[:, None]
    angle = np.radians(samples["angle"].to_numpy())
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ places.T
    covered = np.clip(front[:, :, None] - along[:, None, :] + 0.5, 0, 1)
    noise = np.zeros_like(covered)
    if eye.noise:
        noise[:, rest:] = eye.noise * rng.standard_normal(noise[:, rest:].shape)
    return _task("moving_edges", samples, covered, samples["direction"], directions, eye, noise, part=part)


def moving_patterns(
    connectome: Connectome,
    *,
    n: int = 400,
    directions: int = 4,
    speeds: tuple[float, ...] = (10.0, 20.0),
    contrast: float = 1.0,
    moving_ms: float = 500.0,
    eye: Eye | dict[str, Any] = USUAL,
    part: Part = "train",
    rng: np.random.Generator,
) -> Task:
    """Whither does the pattern move? Another pattern of bright and dark in each sample; no place, no order of the light tells.

    Only what compares neighbours over time can answer, as cells that detect motion do.

    Parameters
    ----------
    connectome
        Its nodes have a column and those that see are known; see `eye`.
    n
        Number of samples.
    directions
        How many, evenly around from 0 degrees (to the right) on.
    speeds
        In columns a second.
    contrast
        Of the pattern to grey, above 0, at most 1.
    moving_ms
        How long it moves, from when it is there.
    eye
        Which nodes see, where they stand, and how time is cut; also as a mapping of what differs.
    part
        Changes nothing here but the options; so stages of a study that differ in it draw other samples.
    rng
        The source of randomness.

    Returns
    -------
    As many classes as directions, a channel for each node that sees; the answer counts at the last step. Columns of samples:
    direction, angle (degrees, counterclockwise from right), speed.

    Raises
    ------
    OptionError
        An option out of range, nodes without a column, no node that sees.

    Notes
    -----
    A pattern is a sum of 12 plane waves of 3 to 8 columns in all orientations, bent into -1 to 1 by tanh. Four bytes a sample, step and
    channel, 12 sines each.

    Examples
    --------
    >>> nodes = pd.DataFrame({"u": [-1, 0, 1], "v": [0, 0, 0], "role": "input"})
    >>> moving_patterns(Connectome(nodes, [0], [1]), n=8, rng=np.random.default_rng(1))
    Task(moving_patterns: 8 samples of 26 steps, 3 channels, 4 classes)
    """
    eye = eye_of("moving_patterns", eye)
    check_patterns(n, directions, speeds, contrast, moving_ms)
    places = _places(connectome, eye, "moving_patterns")
    every = pd.MultiIndex.from_product([range(directions), speeds]).to_frame(index=False)
    samples = every.iloc[rng.permutation(np.arange(n) % len(every))].reset_index(drop=True)
    samples.columns = ["direction", "speed"]
    samples.insert(1, "angle", samples["direction"] * 360.0 / directions)
    rest, moving = max(1, round(eye.rest_ms / eye.dt_ms)), max(1, round(moving_ms / eye.dt_ms))
    way = samples["speed"].to_numpy()[:, None] * np.arange(moving) * eye.dt_ms / 1000
    angle = np.radians(samples["angle"].to_numpy())
    inputs = np.full((n, rest + moving, len(places)), eye.grey)
    for row in range(n):
        waves, turns, phases = (
            2 * np.pi / rng.uniform(3, 8, 12),
            rng.uniform(0, 2 * np.pi, 12),
            rng.uniform(0, 2 * np.pi, 12),
        )
        vectors = waves[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        still = vectors @ places.T + phases[:, None]
        shift = vectors @ np.array([np.cos(angle[row]), np.sin(angle[row])])
        light = np.sin(still - shift[:, None] * way[row][:, None, None]).sum(axis=1) / np.sqrt(6)
        inputs[row, rest:] *= 1 + contrast * np.tanh(light)
    if eye.noise:
        inputs[:, rest:] += eye.noise * rng.standard_normal((n, moving, len(places)))
    mask = np.zeros(inputs.shape[:2], dtype=bool)
    mask[:, -1] = True
    told = {"task": "moving_patterns", "dt_ms": eye.dt_ms, "part": part}
    return Task(inputs, samples["direction"].to_numpy(np.int64), mask, "classes", directions, samples, told)


def flashes(
    connectome: Connectome,
    *,
    radius: float = 6.0,
    contrasts: tuple[float, ...] = (1.0,),
    flash_ms: float = 1000.0,
    after_ms: float = 0.0,
    classes: int = 2,
    eye: Eye | dict[str, Any] = USUAL,
) -> Task:
    """Did a disc become brighter or darker? Each flash once: for `flash_response_index`, or to train on.

    Parameters
    ----------
    connectome
        Its nodes have a column and those that see are known; see `eye`.
    radius
        Of the disc about column (0, 0), in columns.
    contrasts
        Of the disc to grey: above 0, at most 1.
    flash_ms, after_ms
        How long it is there, and how long all is grey again.
    classes
        Number of outputs of the task, which must be that of the network it is shown to; 2 at least.
    eye
        Which nodes see, where they stand, and how time is cut; also as a mapping of what differs.

    Returns
    -------
    Classes 0 (off) and 1 (on); a channel for each node that sees; the answer counts at the last step. Columns of samples: polarity,
    contrast.

    Raises
    ------
    OptionError
        An option out of range, nodes without a column, no node that sees.

    Notes
    -----
    Four bytes a sample, step and channel.

    Examples
    --------
    >>> nodes = pd.DataFrame({"u": [0, 9], "v": [0, 0], "role": "input"})
    >>> task = flashes(Connectome(nodes, [0], [1]), flash_ms=40.0)
    >>> task.inputs.tolist()
    [[[0.5, 0.5], [0.0, 0.5], [0.0, 0.5]], [[0.5, 0.5], [1.0, 0.5], [1.0, 0.5]]]
    """
    eye = eye_of("flashes", eye)
    check_flashes(radius, contrasts, flash_ms, after_ms, classes)
    places = _places(connectome, eye, "flashes")
    samples = pd.DataFrame(
        [(name, each) for name in _POLARITIES for each in contrasts], columns=["polarity", "contrast"]
    )
    rest, on, after = (round(each / eye.dt_ms) for each in (eye.rest_ms, flash_ms, after_ms))
    is_on = np.repeat([0.0, 1.0, 0.0], [max(1, rest), max(1, on), after])
    is_in = np.hypot(*places.T) <= radius + 1e-9
    covered = np.broadcast_to(is_on[:, None] * is_in, (len(samples), len(is_on), len(places)))
    return _task("flashes", samples, covered, samples["polarity"] == "on", classes, eye, 0.0, radius=radius)


def eye_of(where: str, given: Eye | Mapping[str, Any]) -> Eye:
    """An eye from its options.

    Raises
    ------
    OptionError
        An unknown option, a time that is none.
    """
    if isinstance(given, Mapping):
        names = [each.name for each in fields(Eye)]
        for name in given:
            if name not in names:
                raise OptionError(unknown(f"{where}.eye", "option", name, names))
        given = Eye(**given)
    for name, least in (("dt_ms", 1e-6), ("rest_ms", 0.0), ("grey", 1e-6), ("noise", 0.0)):
        value = getattr(given, name)
        if not isinstance(value, int | float) or not np.isfinite(value) or value < least:
            raise OptionError(
                f"{where}.eye.{name}: {value!r}; give a number {'above' if least else 'from'} 0{'' if least else ' on'}."
            )
    return given


def check_edges(
    n: int | None, directions: int, speeds: tuple[float, ...], polarities: tuple[str, ...], contrasts: tuple[float, ...]
) -> None:
    """Refuse options out of range."""
    if n is not None:
        check_samples("moving_edges", n=n)
    whole("moving_edges.directions", directions, 2)
    if not len(polarities) or (wrong := [each for each in polarities if each not in _POLARITIES]):
        raise OptionError(
            unknown("moving_edges.polarities", "polarity", wrong[0], _POLARITIES)
            if len(polarities)
            else "moving_edges.polarities: none. Give on, off, or both."
        )
    _check_contrasts("moving_edges", contrasts)
    _check_speeds("moving_edges", speeds)


def check_patterns(n: int, directions: int, speeds: tuple[float, ...], contrast: float, moving_ms: float) -> None:
    """Refuse options out of range."""
    check_samples("moving_patterns", n=n)
    whole("moving_patterns.directions", directions, 2)
    _check_contrasts("moving_patterns", (contrast,))
    _check_speeds("moving_patterns", speeds)
    if not np.isfinite(moving_ms) or moving_ms <= 0:
        raise OptionError(f"moving_patterns.moving_ms: {moving_ms}; give a time above 0.")


def check_flashes(radius: float, contrasts: tuple[float, ...], flash_ms: float, after_ms: float, classes: int) -> None:
    """Refuse options out of range."""
    whole("flashes.classes", classes, 2)
    _check_contrasts("flashes", contrasts)
    for name, value in (("radius", radius), ("flash_ms", flash_ms), ("after_ms", after_ms)):
        if not np.isfinite(value) or value < 0:
            raise OptionError(f"flashes.{name}: {value}; give a number from 0 on.")


def _check_contrasts(where: str, contrasts: tuple[float, ...]) -> None:
    check_shares(where, 1, contrasts=contrasts)
    if 0 in contrasts:
        raise OptionError(f"{where}.contrasts: 0 shows nothing. Give numbers above 0, at most 1.")


def _check_speeds(where: str, speeds: tuple[float, ...]) -> None:
    if not len(speeds) or not all(np.isfinite(each) and each > 0 for each in speeds):
        raise OptionError(f"{where}.speeds: {tuple(speeds)}; give columns a second, above 0.")


def _places(connectome: Connectome, eye: Eye, where: str) -> np.ndarray:
    nodes = connectome.post_nodes
    for name in (eye.u, eye.v):
        if name not in nodes.columns:
            raise OptionError(unknown(f"{where}.eye", "node property", name, nodes.columns))
    seeing = nodes.iloc[selected(nodes, eye.inputs, f"{where}.eye.inputs")]
    if not len(seeing):
        raise OptionError(f"{where}.eye.inputs: no node sees ({eye.inputs!r}). Choose some.")
    places = positions(seeing[eye.u], seeing[eye.v])
    if not np.isfinite(places).all():
        raise OptionError(
            f"{where}.eye: {int((~np.isfinite(places)).any(axis=1).sum())} nodes that see have no column."
        )
    return places


def _task(
    name: str,
    samples: pd.DataFrame,
    covered: np.ndarray,
    targets: pd.Series,
    classes: int,
    eye: Eye,
    noise: np.ndarray | float,
    **about: Any,
) -> Task:
    """The task of what is covered with the light of each sample, a share of 0 to 1 of each channel and step."""
    contrast = samples["polarity"].map(_POLARITIES).to_numpy() * samples["contrast"].to_numpy()
    inputs = eye.grey * (1 + contrast[:, None, None] * covered) + noise
    mask = np.zeros(inputs.shape[:2], dtype=bool)
    mask[:, -1] = True
    told = {"task": name, "dt_ms": eye.dt_ms, **about}
    return Task(inputs, targets.to_numpy().astype(np.int64), mask, "classes", classes, samples, told)
