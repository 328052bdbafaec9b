"""A reservoir: a network of which nothing is trained but the linear map that reads it, in closed form."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.seeds import stream
from conntap.train.making import needs_torch, usual_network
from conntap.train.options import Training
from conntap.train.splitting import parted
from conntap.train.task import Task
from conntap.train.trained import Trained

__all__ = ["fit_readout"]


def fit_readout(
    connectome: Connectome,
    task: Task,
    validation: Task | None = None,
    *,
    network: dict[str, Any] | None = None,
    ridge: float = 1e-3,
    share: float = 0.2,
    rng: np.random.Generator,
) -> Trained:
    """Read a recurrent network that stays as it is: the best linear read-out by ridge regression, in closed form.

    Weights of connections, of inputs, biases and time constants stay at what `network` gives and draws; classes are
    regressed as zeros and ones.

    Parameters
    ----------
    connectome
        Square.
    task
        Its answers are fitted at the steps that count.
    validation
        What to validate on; None: a share of the task's samples.
    network
        Options of kind "rnn", as `fit` takes them.
    ridge
        The charge for large weights, as a share of the mean variance of the states read; above 0.
    share
        Of the task's samples held back to validate on; 0: none.
    rng
        The source of randomness: of the split, and of the weights of inputs.

    Returns
    -------
    As `fit` gives it, with a history of one epoch; loss is the mean square of what is missed.

    Raises
    ------
    OptionError
        Another kind of network, a ridge that is not above 0, a share out of range.
    MissingExtra
        torch is not installed.

    Notes
    -----
    One forward pass, 64 samples at a time; then cubic in the number of neurons read. Echo states: Jaeger, 2001, GMD report 148.

    Examples
    --------
    >>> from conntap import build, train
    >>> rng = np.random.default_rng(1)
    >>> task = train.evidence(n=200, rng=rng)
    >>> column = build.column(n_nodes=60, rng=rng)
    >>> trained = train.fit_readout(column, task, network={"dynamics": {"tau_ms": 3.0, "phi": "tanh"}}, rng=rng)
    >>> bool(trained.history["validation_accuracy"].iloc[0] > 0.8)
    True
    """
    spec_network = usual_network(connectome, network or {})
    if spec_network["kind"] != "rnn":
        raise OptionError(f"fit_readout.network.kind: {spec_network['kind']!r}; it is rnn. Leave it out.")
    if not np.isfinite(ridge) or ridge <= 0:
        raise OptionError(f"fit_readout.ridge: {ridge}; give a number above 0.")
    if not 0 <= share < 1:
        raise OptionError(f"fit_readout.share: {share}; give a share from 0 on, below 1.")
    needs_torch("fit_readout")
    import torch

    from conntap.train.loops import measured, numbers_of, quietly
    from conntap.train.making import made_network

    seed = int(rng.integers(2**63))
    train_on, validate_on = parted(task, validation, share=share, rng=stream(seed, "split"))
    options = Training(loss="mse", keep="last", validation=share)
    with quietly(options.threads, options.device):
        first = int(stream(seed, "network").integers(2**63))
        made = made_network(connectome, spec_network, task.n_in, task.n_out, seed=first)
        weight, bias = _solved(made, train_on, ridge)
        with torch.no_grad():
            made.outputs.weight.copy_(torch.tensor(weight))
            made.output_bias.copy_(torch.tensor(bias))
        row: dict[str, Any] = {"epoch": 1}
        for prefix, part in (("", train_on), ("validation_", validate_on)):
            if part is not None:
                sums = measured(made, part, loss="mse").sum(axis=0)
                row[f"{prefix}loss"] = sums[0] / sums[2]
                if task.kind == "classes":
                    row[f"{prefix}accuracy"] = sums[1] / sums[2]
        parameters = numbers_of(made)
    seen = np.concatenate([each.fingerprints() for each in (train_on, validate_on) if each is not None])
    told = {"epochs": 1, "batch": len(train_on), "rate": 0.0, **asdict(options), "ridge": ridge}
    spec = {"network": spec_network, "n_in": task.n_in, "n_out": task.n_out, "kind": task.kind}
    spec |= {"task": dict(task.about), "training": told, "best": 1}
    return Trained(spec, parameters, pd.DataFrame([row]), connectome, seen)


def _solved(made: Any, task: Task, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (outputs, neurons read) and biases that miss least."""
    from conntap.train.loops import states_of

    seen = slice(None) if made.seen is None else made.seen.numpy()
    n = made.outputs.weight.shape[1]
    square, product, sums, goals, count = (
        np.zeros((n, n)),
        np.zeros((n, task.n_out)),
        np.zeros(n),
        np.zeros(task.n_out),
        0,
    )
    for rows, states in states_of(made, task, batch=64):
        counts = task.mask[rows]  # type: ignore[index]
        x = states[..., seen][counts].astype(np.float64)
        targets = task.targets[rows][counts]
        y = np.eye(task.n_out)[targets] if task.kind == "classes" else targets.astype(np.float64)
        square, product, sums, goals, count = (
            square + x.T @ x,
            product + x.T @ y,
            sums + x.sum(0),
            goals + y.sum(0),
            count + len(x),
        )
    mean, goal = sums / count, goals / count
    covariance = square / count - np.outer(mean, mean)
    charge = ridge * max(float(np.trace(covariance)) / n, 1e-12)
    weight = np.linalg.solve(covariance + charge * np.eye(n), product / count - np.outer(mean, goal)).T
    return weight, goal - weight @ mean
