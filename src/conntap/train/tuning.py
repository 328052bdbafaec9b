"""To what cells of a trained network are tuned: flashes to brightness or darkness, directions of motion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, unknown, whole
from conntap.train.task import Task
from conntap.train.trained import Trained

__all__ = ["column_responses", "direction_selectivity", "flash_response_index"]

_TOLD = ("step", "mean", "sd", "cells", "samples")
_EACH = 64  # samples at a time


def column_responses(
    trained: Trained, task: Task, *, by: str = "type", columns: Selection | None = "u == 0 and v == 0"
) -> pd.DataFrame:
    """The activity of each type of cell in some columns, at each step of each kind of sample; by default in the middle column.

    `train.responses` means all columns, whose cells see a moving edge at different times, so that no peaks are left; tuning is told by
    cells of one column.

    Parameters
    ----------
    trained
        A network whose inputs are as many as the task's; the number of outputs does not matter.
    task
        Such as `flashes` and `moving_edges` (with `n: ~`) make.
    by
        The property of nodes whose values are types.
    columns
        Cells that count; None: all. Types without a cell among them are left out.

    Returns
    -------
    A row for each combination of the samples' columns, type and step. Columns: those of the samples, `by`, step (from 0), mean (of what
    the network holds as states: potentials, where it does), sd (over cells and samples), cells, samples.

    Raises
    ------
    OptionError
        Another number of inputs, no such property, no cell chosen, a task whose samples are not described.
    MissingExtra
        torch is not installed.

    Notes
    -----
    One forward pass, 64 samples at a time, whose states are held: 4 bytes a sample, step and cell.

    Examples
    --------
    >>> from conntap import build, train
    >>> rng = np.random.default_rng(1)
    >>> task = train.delayed_match(n=40, rng=rng)
    >>> trained = train.fit(build.column(n_nodes=40, rng=rng), task, epochs=1, rng=rng)
    >>> table = column_responses(trained, train.delayed_match(n=8, noise=0.0, rng=rng), by="ei", columns="ei == 'e'")
    >>> table["ei"].unique().tolist(), table["step"].nunique()
    (['e'], 11)
    """
    if trained.spec["n_in"] != task.n_in:
        raise OptionError(
            f"column_responses.task: {task.n_in} channels, but the network takes {trained.spec['n_in']}. Make the task for its eye."
        )
    asked, nodes = list(task.samples), trained.connectome.post_nodes  # type: ignore[arg-type]
    if not asked:
        raise OptionError("column_responses.task: its samples have no columns. Give a table of what each sample is.")
    if by not in nodes:
        raise OptionError(unknown("column_responses.by", "property of nodes", by, nodes.columns))
    if by in (*asked, *_TOLD):
        raise OptionError(f"column_responses.by: {by!r} is a column of the result too. Rename one of them.")
    cells = selected(nodes, columns, "column_responses.columns")
    if not len(cells):
        raise OptionError(f"column_responses.columns: no cell is chosen ({columns!r}). Choose some.")
    names, of_cell = np.unique(nodes[by].iloc[cells].astype(str).to_numpy(), return_inverse=True)
    grouped = task.samples.groupby(asked, observed=True, dropna=False)  # type: ignore[union-attr]
    condition, values = grouped.ngroup().to_numpy(), grouped.size().reset_index()[asked]
    sums = np.zeros((2, len(values), task.n_steps, len(names)))
    for rows, states in _states(trained, task):
        chosen = states[..., cells].astype(np.float64)
        for power in (0, 1):
            of_types = np.zeros((len(rows), task.n_steps, len(names)))
            np.add.at(of_types, (slice(None), slice(None), of_cell), chosen ** (power + 1))
            np.add.at(sums[power], condition[rows], of_types)
    return _table(sums, values, by, names, np.bincount(of_cell), np.bincount(condition))


def flash_response_index(responses: pd.DataFrame, *, by: str = "type", rest_steps: int = 1) -> pd.DataFrame:
    """Does each type of cell answer more to brightness (1) or to darkness (-1)?

    Parameters
    ----------
    responses
        As `column_responses` gives them for `flashes`: columns polarity ("on" and "off"), `by`, step, mean.
    by
        The column of types.
    rest_steps
        How many steps come before the flash; the last of these counts with it.

    Returns
    -------
    A row for each type, and each combination of further columns (contrast): peak_on, peak_off, flash_response_index.

    Raises
    ------
    OptionError
        A missing column, flashes of one polarity alone, numbers that are not finite.

    Notes
    -----
    Responses of a type are shifted by the size of their least value over both flashes; the index is (peak_on - peak_off) / (peak_on +
    peak_off), 0 where both are 0. Linear in rows. Lappalainen et al., 2024, doi:10.1038/s41586-024-07939-3.

    Examples
    --------
    >>> rows = [("on", "L1", 0, 0.0), ("on", "L1", 1, -1.0), ("off", "L1", 0, 0.0), ("off", "L1", 1, 3.0)]
    >>> table = flash_response_index(pd.DataFrame(rows, columns=["polarity", "type", "step", "mean"]))
    >>> table.values.tolist()
    [['L1', 1.0, 4.0, -0.6]]
    """
    whole("flash_response_index.rest_steps", rest_steps, 0)
    keys = _keys(responses, "flash_response_index", (by, "polarity"))
    shown = responses[responses["step"] >= max(0, rest_steps - 1)]
    peaks = shown.groupby([*keys, "polarity"], observed=True)["mean"].agg(["max", "min"]).unstack("polarity")
    if {"on", "off"} - set(peaks["max"]) or peaks.isna().any(axis=None):
        raise OptionError(
            "flash_response_index.responses: each type needs flashes on and off, and steps after the rest."
        )
    least = peaks["min"].min(axis=1).abs()
    on, off = (peaks["max"][name] + least for name in ("on", "off"))
    total = (on + off).to_numpy()
    index = np.divide((on - off).to_numpy(), total, out=np.zeros(len(total)), where=total > 0)
    return pd.DataFrame({"peak_on": on, "peak_off": off, "flash_response_index": index}).reset_index()


def direction_selectivity(responses: pd.DataFrame, *, by: str = "type", rest_steps: int = 1) -> pd.DataFrame:
    """How much does each type of cell prefer a direction of motion, and which?

    Parameters
    ----------
    responses
        As `column_responses` gives them for `moving_edges`: columns angle (degrees, evenly around), polarity, `by`, step, mean; others
        (speed, contrast) are averaged over.
    by
        The column of types.
    rest_steps
        How many steps come before the edge; these do not count.

    Returns
    -------
    A row for each type and polarity: direction_selectivity (0 to 1), preferred_direction (degrees; NaN without one), peak (mean of
    peaks over directions).

    Raises
    ------
    OptionError
        A missing column, angles that are not evenly around or not there for all, numbers that are not finite.

    Notes
    -----
    Of each type the peaks of what is above 0, as vectors in their directions; the index is the length of their sum over the sum of
    their lengths, that of the polarity where it is the greater. So a cell that answers to one polarity alone has a small index for
    the other. Averaged over speeds and contrasts; the direction is that of the sum of vectors. Linear in rows. Lappalainen et al.,
    2024, doi:10.1038/s41586-024-07939-3.

    Examples
    --------
    >>> rows = [("on", "T4b", angle, 1, peak) for angle, peak in ((0, 3.0), (90, 1.0), (180, 1.0), (270, 1.0))]
    >>> direction_selectivity(pd.DataFrame(rows, columns=["polarity", "type", "angle", "step", "mean"])).round(3).values.tolist()
    [['T4b', 'on', 0.333, 0.0, 1.5]]
    """
    whole("direction_selectivity.rest_steps", rest_steps, 0)
    keys = _keys(responses, "direction_selectivity", (by, "polarity", "angle"))
    shown = responses[responses["step"] >= rest_steps]
    others = [name for name in keys if name not in (by, "angle", "polarity")]
    peaks = (
        shown.groupby([by, *others, "polarity", "angle"], observed=True)["mean"].max().clip(lower=0).unstack("angle")
    )
    angles = peaks.columns.to_numpy(dtype=np.float64)
    turns = np.diff(np.sort(angles % 360), append=np.sort(angles % 360)[:1] + 360) if len(angles) else angles
    if len(angles) < 2 or not np.allclose(turns, 360 / len(angles), atol=1e-3) or peaks.isna().any(axis=None):
        raise OptionError(
            f"direction_selectivity.responses: angles {np.round(angles, 3).tolist()}; each type needs all of some that are evenly around."
        )
    vectors = pd.Series(peaks.to_numpy() @ np.exp(1j * np.radians(angles)), index=peaks.index)
    lengths = peaks.sum(axis=1)
    greatest = lengths.groupby(level=[by, *others], observed=True).transform("max")
    found = pd.DataFrame(
        {"vector": vectors, "size": vectors.abs() / greatest.where(greatest > 0, 1.0), "peak": peaks.mean(axis=1)}
    )
    grouped = found.groupby(level=[by, "polarity"], observed=True)
    summed = np.array([each["vector"].sum() for _, each in grouped])
    direction = np.degrees(np.angle(summed)).round(9) % 360
    means = grouped[["size", "peak"]].mean()
    direction = np.where(np.abs(summed) > 1e-9 * np.maximum(means["peak"].to_numpy(), 1e-300), direction, np.nan)
    told = {"direction_selectivity": means["size"], "preferred_direction": direction, "peak": means["peak"]}
    return pd.DataFrame(told).reset_index()


def _keys(responses: pd.DataFrame, where: str, needed: Sequence[str]) -> list[str]:
    """The columns that tell curves apart, but polarity."""
    for name in (*needed, "step", "mean"):
        if name not in responses:
            raise OptionError(unknown(f"{where}.responses", "column", name, responses.columns))
    if not len(responses) or not np.isfinite(responses["mean"].to_numpy(dtype=np.float64)).all():
        raise OptionError(f"{where}.responses: no rows, or means that are not finite. Leave these out.")
    return [name for name in responses if name not in (*_TOLD, "polarity", "direction")]


def _states(trained: Trained, task: Task) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from conntap.train.making import needs_torch

    needs_torch("column_responses")
    from conntap.train.loops import quietly, states_of

    told = trained.spec["training"]
    with quietly(told["threads"], told["device"]):
        yield from states_of(trained.network().to(told["device"]), task, batch=_EACH, device=told["device"])


def _table(
    sums: np.ndarray, values: pd.DataFrame, by: str, names: np.ndarray, cells: np.ndarray, samples: np.ndarray
) -> pd.DataFrame:
    counts = (samples[:, None] * cells)[:, None, :]
    mean = sums[0] / counts
    sd = np.sqrt(np.maximum(sums[1] / counts - mean**2, 0))
    mean, sd = mean.transpose(0, 2, 1), sd.transpose(0, 2, 1)
    condition, group, step = (each.ravel() for each in np.indices(mean.shape))
    found = values.iloc[condition].reset_index(drop=True)
    told = {by: names[group], "step": step, "mean": mean.ravel(), "sd": sd.ravel()}
    return found.assign(**told, cells=cells[group], samples=samples[condition])
