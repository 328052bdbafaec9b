"""How well trained networks do, what their cells do, and what their parameters are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.errors import OptionError, one_of, unknown, whole
from conntap.train.task import Task
from conntap.train.trained import Trained

__all__ = ["best_of", "evaluate", "parameters", "ranked", "responses", "score"]

Among = Literal["new", "all"]
_EACH = 256  # samples at a time


def evaluate(
    trained: Trained,
    task: Task,
    *,
    by: str | list[str] | None = None,
    among: Among = "new",
) -> pd.DataFrame:
    """Measure a trained network on a task: loss, share of right answers and what guessing would get.

    Samples that it was trained on, or that chose its best epoch, are left out unless they are asked for.

    Parameters
    ----------
    by
        Columns of the task's samples; a row for each combination of their values. None: one row.
    among
        "new": samples that the network has not seen; "all".

    Returns
    -------
    Columns: those of `by`, n (samples), left_out (samples that the network had seen), loss (mean over the steps that count; NaN where all
    were left out), and for classes accuracy (share of these steps with the right answer) and chance (share of the most frequent class
    of the whole task).

    Raises
    ------
    OptionError
        The task does not fit the network, has no such column, or no sample that is new.
    MissingExtra
        torch is not installed.

    Notes
    -----
    One forward pass, 256 samples at a time.

    Examples
    --------
    >>> from conntap import build, train
    >>> rng = np.random.default_rng(1)
    >>> task = train.delayed_match(n=40, rng=rng)
    >>> trained = train.fit(build.column(n_nodes=40, rng=rng), task, epochs=1, rng=rng)
    >>> train.evaluate(trained, train.delayed_match(n=30, part="test", rng=rng)).columns.tolist()
    ['n', 'left_out', 'loss', 'accuracy', 'chance']
    """
    asked = _columns(task, by, "evaluate.by", ("n", "left_out", "loss", "accuracy", "chance"))
    rows = _among(trained, task, among, "evaluate")
    sums = np.zeros((len(task), 5))
    sums[rows, :3] = _sums(trained, task.taken(rows) if len(rows) < len(task) else task, "evaluate")
    sums[:, 4] = 1
    sums[rows, 3:] = (1, 0)
    table = pd.DataFrame(sums, columns=["loss", "right", "answers", "n", "left_out"])
    if asked:
        keys = [task.samples[name].to_numpy() for name in asked]  # type: ignore[index]
        table = table.groupby(keys, observed=True, dropna=False).sum().rename_axis(index=asked).reset_index()
    else:
        table = table.sum().to_frame().T
    counts, answers = table[["n", "left_out"]].astype(np.int64), table["answers"].where(table["answers"] > 0)
    found = table[asked].assign(**counts, loss=table["loss"] / answers)
    if task.kind == "classes":
        found = found.assign(accuracy=table["right"] / answers, chance=task.chance)
    return found.reset_index(drop=True)


def score(
    trained: Trained, task: Task, *, measure: Literal["accuracy", "loss"] = "accuracy", among: Among = "new"
) -> float:
    """One number of how well a trained network does: for contrasts with controls, searches and sweeps.

    Parameters
    ----------
    measure
        "accuracy": share of right answers; "loss".
    among
        "new": samples that the network has not seen; "all".

    Returns
    -------
    As `evaluate` has it.

    Raises
    ------
    OptionError
        As `evaluate`; accuracy of a task of values.
    MissingExtra
        torch is not installed.

    Notes
    -----
    One forward pass, 256 samples at a time.

    Examples
    --------
    >>> from conntap import build, train
    >>> rng = np.random.default_rng(1)
    >>> task = train.delayed_match(n=40, rng=rng)
    >>> trained = train.fit(build.column(n_nodes=40, rng=rng), task, epochs=1, rng=rng)
    >>> 0 <= train.score(trained, task, among="all") <= 1
    True
    """
    one_of("score.measure", measure, ("accuracy", "loss"))
    if measure == "accuracy" and task.kind == "values":
        raise OptionError("score.measure: a task of values has no accuracy. Give loss.")
    return float(evaluate(trained, task, among=among)[measure].iloc[0])


def responses(
    trained: Trained,
    task: Task,
    *,
    by: str | None = None,
    conditions: str | list[str] | None = None,
    among: Among = "all",
) -> pd.DataFrame:
    """The mean activity of groups of cells at each step, under each condition.

    Parameters
    ----------
    by
        A property of the nodes, such as their type; None: each node is a group of its own.
    conditions
        Columns of the task's samples; a curve for each combination of their values. None: all samples together.
    among
        "new": samples that the network has not seen; "all".

    Returns
    -------
    A row for each condition, group and step. Columns: those of `conditions`, `by` (or node), step (from 0), mean, sd (over cells and
    samples), cells, samples.

    Raises
    ------
    OptionError
        The task does not fit the network; no such property of nodes or column of samples; a network that shows no states.
    MissingExtra
        torch is not installed.

    Notes
    -----
    One forward pass, 256 samples at a time, whose states are held: 4 bytes a sample, step and cell.

    Examples
    --------
    >>> from conntap import build, train
    >>> rng = np.random.default_rng(1)
    >>> task = train.delayed_match(n=40, rng=rng)
    >>> trained = train.fit(build.column(n_nodes=40, rng=rng), task, epochs=1, rng=rng)
    >>> table = train.responses(trained, task, by="ei", conditions="match")
    >>> len(table) == 2 * 2 * 11
    True
    """
    asked = _columns(task, conditions, "responses.conditions", ("step", "mean", "sd", "cells", "samples"))
    if (by or "node") in (*asked, "step"):
        raise OptionError(f"responses.by: {by or 'node'!r} is a column of the samples too. Rename one of them.")
    groups, names = _groups(trained, by)
    rows = _among(trained, task, among, "responses")
    part = task if len(rows) == len(task) else task.taken(rows)
    labels, values = np.zeros(len(part), dtype=np.int64), pd.DataFrame(index=[0])
    if asked:
        grouped = part.samples.groupby(asked, observed=True, dropna=False)  # type: ignore[union-attr]
        labels, values = grouped.ngroup().to_numpy(), grouped.size().reset_index()[asked]
    sums = np.zeros((labels.max() + 1, len(names), part.n_steps, 2))
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(len(names)))
    for rows, states in _states(trained, part):
        for power in (1, 2):
            of_groups = np.add.reduceat(states[..., order].astype(np.float64) ** power, starts, axis=2)
            np.add.at(sums[..., power - 1], labels[rows], of_groups.transpose(0, 2, 1))
    cells, samples = np.bincount(groups, minlength=len(names)), np.bincount(labels)
    return _curves(sums, cells, samples, names, values, by or "node")


def parameters(trained: Trained, *, name: str | None = None) -> pd.DataFrame:
    """The parameters of a trained network as a table: what there are, or the values of one.

    Parameters
    ----------
    name
        Of a parameter, as the table of all names it; None: all, summarised.

    Returns
    -------
    Of all: parameter, shape, n, mean, sd, min, max. Of one: one row a number, its places (axis_0, axis_1 ...) and value.

    Raises
    ------
    OptionError
        No such parameter.
    MissingExtra
        torch is not installed, and parameters are kept in bounds or to signs.

    Notes
    -----
    Linear in the numbers. Numbers are those that the network computes with, after what keeps them in bounds or to signs.

    Examples
    --------
    >>> from conntap.circuits import Connectome
    >>> trained = Trained({}, {"gain": np.array([1.0, 3.0])}, pd.DataFrame({"epoch": []}), Connectome(2, [0], [1]))
    >>> parameters(trained)[["parameter", "n", "mean"]].values.tolist()
    [['gain', 2, 2.0]]
    >>> parameters(trained, name="gain").values.tolist()
    [[0.0, 1.0], [1.0, 3.0]]
    """
    arrays = _effective(trained)
    if name is not None:
        if name not in arrays:
            raise OptionError(unknown("parameters.name", "parameter", name, arrays))
        array = np.asarray(arrays[name])
        places = np.indices(array.shape).reshape(array.ndim, -1)
        return pd.DataFrame({f"axis_{axis}": each for axis, each in enumerate(places)} | {"value": array.ravel()})
    rows = []
    for each, array in arrays.items():
        numbers = np.asarray(array, dtype=np.float64)
        of = [getattr(numbers, what)() if numbers.size else np.nan for what in ("mean", "std", "min", "max")]
        rows.append([each, " x ".join(map(str, numbers.shape)), numbers.size, *of])
    return pd.DataFrame(rows, columns=["parameter", "shape", "n", "mean", "sd", "min", "max"])


def ranked(trained: Sequence[Trained]) -> pd.DataFrame:
    """Networks of an ensemble in the order of their validation loss, the best first.

    Parameters
    ----------
    trained
        Networks; in a study gathered (`gather: {trained: repeat}`).

    Returns
    -------
    Columns: rank (from 1), member (its place in the list, from 0), loss (on validation data), epoch (the best), epochs, and for classes
    accuracy (on validation data).

    Raises
    ------
    OptionError
        No network.

    Notes
    -----
    Networks are read one at a time. Networks without validation data are ranked by their loss.

    Examples
    --------
    >>> from conntap.circuits import Connectome
    >>> made = [
    ...     Trained({"best": 1}, {}, pd.DataFrame({"epoch": [1], "validation_loss": [loss]}), Connectome(2, [0], [1]))
    ...     for loss in (0.5, 0.2)
    ... ]
    >>> ranked(made)["member"].tolist()
    [1, 0]
    """
    rows = []
    for member, each in enumerate(trained):
        row = each.history[each.history["epoch"] == each.spec.get("best")]
        accuracy = {
            name: float(row[f"validation_{name}"].iloc[0]) for name in ("accuracy",) if f"validation_{name}" in row
        }
        told = {"member": member, "loss": each.loss, "epoch": each.spec.get("best"), "epochs": len(each.history)}
        rows.append({**told, **accuracy})
    if not rows:
        raise OptionError("ranked.trained: no network. Gather at least one.")
    found = pd.DataFrame(rows).sort_values("loss", kind="stable", ignore_index=True)
    found.insert(0, "rank", np.arange(1, len(found) + 1))
    return found


def best_of(trained: Sequence[Trained], *, rank: int = 1) -> Trained:
    """The network of an ensemble with the lowest validation loss.

    Parameters
    ----------
    trained
        Networks; in a study gathered (`gather: {trained: repeat}`).
    rank
        1: the best; 2: the next, and so on.

    Returns
    -------
    One of them.

    Raises
    ------
    OptionError
        No network, or fewer than `rank`.

    Notes
    -----
    Networks are read one at a time, one of them twice.

    Examples
    --------
    >>> from conntap.circuits import Connectome
    >>> made = [
    ...     Trained({"best": 1}, {}, pd.DataFrame({"epoch": [1], "validation_loss": [loss]}), Connectome(2, [0], [1]))
    ...     for loss in (0.5, 0.2)
    ... ]
    >>> best_of(made).loss
    0.2
    """
    whole("best_of.rank", rank, 1)
    table = ranked(trained)
    if rank > len(table):
        raise OptionError(f"best_of.rank: {rank}, but there are {len(table)} networks. Give at most as many.")
    return trained[int(table["member"].iloc[rank - 1])]


def _columns(task: Task, asked: str | list[str] | None, where: str, own: tuple[str, ...]) -> list[str]:
    """Columns of the task's samples, each once, that bear no name of the table's own."""
    names = list(dict.fromkeys([asked] if isinstance(asked, str) else asked or []))
    for name in names:
        if name not in task.samples:  # type: ignore[operator]
            raise OptionError(unknown(where, "column of samples", name, task.samples))  # type: ignore[arg-type]
        if name in own:
            raise OptionError(f"{where}: {name!r} is a column of the table too. Rename that of the samples.")
    return names


def _among(trained: Trained, task: Task, among: str, where: str) -> np.ndarray:
    """Which samples are meant of a task that fits the network."""
    one_of(f"{where}.among", among, ("new", "all"))
    for name in ("n_in", "n_out", "kind"):
        if trained.spec[name] != getattr(task, name):
            raise OptionError(
                f"{where}.task: {name} is {getattr(task, name)}, but the network was trained with {trained.spec[name]}. Make the task "
                "with the options of the one that it was trained on."
            )
    if among == "all":
        return np.arange(len(task))
    rows = np.flatnonzero(~np.isin(task.fingerprints(), trained.seen))
    if not len(rows):
        raise OptionError(
            f"{where}.among: the network has seen all {len(task)} samples. Make others (part: test), or ask for among: all."
        )
    return rows


def _sums(trained: Trained, task: Task, where: str) -> np.ndarray:
    from conntap.train.making import needs_torch

    needs_torch(where)
    from conntap.train.loops import at_hand, measured, quietly

    told = trained.spec["training"]
    device = at_hand(told["device"])
    with quietly(told["threads"], device):
        network = trained.network().to(device)
        return measured(network, task, loss=told["loss"], batch=_EACH, device=device)


def _states(trained: Trained, task: Task) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of the task, and the states of all cells: (rows, steps, cells)."""
    from conntap.train.making import needs_torch

    needs_torch("responses")
    from conntap.train.loops import at_hand, quietly, states_of

    told = trained.spec["training"]
    device = at_hand(told["device"])
    with quietly(told["threads"], device):
        network = trained.network().to(device)
        yield from states_of(network, task, batch=_EACH, device=device)


def _effective(trained: Trained) -> dict[str, np.ndarray]:
    """Parameters by name; of those with parametrizations, what these make of them."""
    if not any(".parametrizations." in f".{name}" for name in trained.parameters):
        return dict(trained.parameters)
    from conntap.train.making import needs_torch

    needs_torch("parameters")
    network, found = trained.network(), {}
    for name, array in trained.parameters.items():
        owner, is_made, rest = f".{name}".partition(".parametrizations.")
        if not is_made:
            found[name] = array
            continue
        own = f"{owner}.{rest.partition('.')[0]}".removeprefix(".")
        module, _, last = own.rpartition(".")
        found[own] = getattr(network.get_submodule(module), last).detach().cpu().numpy()
    return found


def _groups(trained: Trained, by: str | None) -> tuple[np.ndarray, list[Any]]:
    nodes = trained.connectome.post_nodes
    if by is None:
        return np.arange(len(nodes)), nodes.index.tolist()
    if by not in nodes:
        raise OptionError(unknown("responses.by", "property of nodes", by, nodes.columns))
    codes, names = pd.factorize(nodes[by].astype(object).where(nodes[by].notna(), "none"), sort=True)
    return codes, list(names)


def _curves(
    sums: np.ndarray, cells: np.ndarray, samples: np.ndarray, names: list[Any], values: pd.DataFrame, title: str
) -> pd.DataFrame:
    n_conditions, n_groups, n_steps, _ = sums.shape
    counts = (samples[:, None] * cells[None, :])[:, :, None]
    mean = sums[..., 0] / counts
    sd = np.sqrt(np.maximum(sums[..., 1] / counts - mean**2, 0))
    condition, group, step = (each.ravel() for each in np.indices((n_conditions, n_groups, n_steps)))
    found = values.iloc[condition].reset_index(drop=True)
    named = {title: np.asarray(names, dtype=object)[group], "step": step, "mean": mean.ravel(), "sd": sd.ravel()}
    return found.assign(**named, cells=cells[group], samples=samples[condition]).infer_objects()
