"""Train a network that a connectome constrains."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.seeds import digest, stream
from conntap.train.making import check_network, made_network, needs_torch, usual_network
from conntap.train.options import Training, check_fit, training_of
from conntap.train.splitting import parted
from conntap.train.task import Task
from conntap.train.trained import Trained

__all__ = ["fit"]

USUAL = Training()
"""The usual options of training."""
_VERSION = 2  # of kept progress


def fit(
    connectome: Connectome,
    task: Task,
    validation: Task | None = None,
    *,
    network: dict[str, Any] | None = None,
    epochs: int = 30,
    batch: int = 64,
    rate: float = 0.003,
    training: Training | dict[str, Any] = USUAL,
    kept: Path | None = None,
    rng: np.random.Generator,
) -> Trained:
    """Train a network with the connections of a connectome on a task.

    A share of the samples is held back to validate on, or another task is given for that. Equal generators give equal bits (with one
    thread, on one kind of machine); what was stopped goes on from its last whole epoch, as if it had never been stopped.

    Parameters
    ----------
    connectome
        [pre, post]; which connections there are is never changed.
    task
        What to train on.
    validation
        What to validate on; None: a share of the task's samples (`training.validation`).
    network
        "kind" ("rnn", "ode", "visual", "spatial") and the options of that kind. Without "weights", these begin at the sizes of connections
        (edge property weight, else n_syn, else 1), so scaled that a neuron gets 0.9 of what its sources send on average; where nodes have
        a property ei (e or i) that no size contradicts, they keep its signs.
    epochs
        How often each sample is trained on, at most.
    batch
        Samples of one step of the optimiser.
    rate
        Of learning; see `training` for its schedule.
    training
        Optimiser, schedule, clipping, validation, early stop: see `Training`, also as a mapping of those that differ.
    kept
        A folder in which progress is kept after each epoch, and from which it is taken up.
    rng
        The source of randomness: of the split, of the parameters at first, of the order of samples.

    Returns
    -------
    The parameters of the best epoch, the history of all, and how to make the network again.

    Raises
    ------
    OptionError
        An option out of range, a task without samples to validate on, training that diverged.
    MissingExtra
        torch is not installed.

    Notes
    -----
    Time: epochs x samples x steps x connections, about 5 ns each. Memory: states of one batch, parameters three times (Adam), and as
    much on disk while it trains. Adam: Kingma and Ba, 2015, arXiv:1412.6980; AdamW: Loshchilov and Hutter, 2019, arXiv:1711.05101;
    clipping: Pascanu et al., 2013, arXiv:1211.5063.

    Examples
    --------
    >>> from conntap import build, train
    >>> rng = np.random.default_rng(1)
    >>> column = build.column(n_nodes=40, rng=rng)
    >>> task = train.delayed_match(n=40, noise=0.0, rng=rng)
    >>> trained = train.fit(column, task, epochs=2, rng=rng)
    >>> trained.history.columns.tolist()
    ['epoch', 'rate', 'loss', 'accuracy', 'gradient', 'validation_loss', 'validation_accuracy']
    """
    network, options = network or {}, training_of("fit.training", training)
    check_fit(epochs, batch, rate)
    check_network(network)
    needs_torch("fit")
    from conntap.train.loops import Loop, quietly

    if task.kind == "values" and options.loss == "cross_entropy":
        raise OptionError(
            "fit.training.loss: 'cross_entropy' is for classes, but the task has values. Give mse or leave it out."
        )
    seed = int(rng.integers(2**63))
    train_on, validate_on = parted(task, validation, share=options.validation, rng=stream(seed, "split"))
    spec = {
        "network": usual_network(connectome, network),
        "n_in": task.n_in,
        "n_out": task.n_out,
        "kind": task.kind,
        "task": dict(task.about),
        "training": {"epochs": epochs, "batch": batch, "rate": rate, **asdict(options)},
    }
    with quietly(options.threads, options.device):
        first = int(stream(seed, "network").integers(2**63))
        made = made_network(connectome, spec["network"], task.n_in, task.n_out, seed=first)
        loop = Loop(made, train_on, validate_on, epochs, batch, rate, options, seed)
        seen = np.concatenate([each.fingerprints() for each in (train_on, validate_on) if each is not None])
        mark = digest(_VERSION, seed, spec, seen, len(train_on), *_content(connectome))
        loop.run(None if kept is None else Path(kept) / "progress.npz", mark)
    return Trained({**spec, "best": loop.best_epoch}, loop.best, pd.DataFrame(loop.rows), connectome, seen)


def _content(connectome: Connectome) -> list[Any]:
    """What tells one connectome from another: its ends, the properties of its edges and those of its nodes."""
    tables = (connectome.properties, connectome.pre_nodes.reset_index())
    told = [{str(name): _told(table[name]) for name in table} for table in tables]
    return [connectome.n_pre, connectome.pre, connectome.post, *told]


def _told(values: Any) -> Any:
    array = np.asarray(values)
    return array if array.dtype.kind in "biuf" else [str(each) for each in array.tolist()]
