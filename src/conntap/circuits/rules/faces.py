"""The two faces of models as steps: what was fitted as a table, and what a model draws."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules.delays import Delays
from conntap.circuits.rules.fitted import Fitted, ModelFile, model_of
from conntap.circuits.rules.positions import PositionTable, VoxelMap
from conntap.circuits.rules.properties import Properties
from conntap.circuits.rules.synapses import SynapseCounts
from conntap.circuits.rules.values import draw
from conntap.errors import OptionError, one_of

__all__ = ["evaluate", "fit_table"]


def fit_table(fitted: Fitted, *, table: Literal["numbers", "bins", "validation"] = "bins") -> pd.DataFrame:
    """Give a table of what was fitted.

    Parameters
    ----------
    fitted
        What `fit_probability` and the like give.
    table
        "numbers": each number with its errors; "bins": the data beside what the model says; "validation": by fold.

    Returns
    -------
    The table, as the fit describes it.

    Raises
    ------
    OptionError
        No such table.

    Notes
    -----
    No cost.

    Examples
    --------
    >>> from conntap.circuits.rules.values import Constant
    >>> fit_table(Fitted(Constant(0.5), pd.DataFrame({"value": [0.5]}), pd.DataFrame()), table="numbers")["value"].tolist()
    [0.5]
    """
    one_of("fit_table.table", table, ("numbers", "bins", "validation"))
    return getattr(fitted, table)


def evaluate(connectome: Connectome, *, model: ModelFile | object, rng: np.random.Generator) -> Connectome:
    """Draw what a model says of a connectome.

    Keeps the nodes. A rule of probability draws all edges anew; synapse counts put so many parallel edges in the place of each
    connection, with the edge properties of its first; delays give the edge property of their `name`, `delay` mostly; properties give theirs;
    positions give the nodes theirs. Edges that stay keep order, values and types.

    Parameters
    ----------
    connectome
        Square or rectangular.
    model
        A model, or what was fitted; in a document {path: model.json} or {from: stages.NAME}; or a rule of probability as plain
        values, {kind: Constant, p: 0.1}.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes.

    Raises
    ------
    OptionError
        It is no model, a node or edge property is lacking that it takes.

    Notes
    -----
    Rules: some 20 ns a pair of nodes. Others: some 50 ns to 1 us an edge.

    Examples
    --------
    >>> edges = Connectome(2, [0], [1])
    >>> evaluate(edges, model={"kind": "Constant", "p": 1.0}, rng=np.random.default_rng(0)).n_edges
    2
    """
    model: Any = model_of(model, "evaluate.model")
    match model:
        case SynapseCounts():
            return _multiplied(connectome, model, rng)
        case Delays():
            return _with(connectome, {model.name: model.draw(connectome, rng=rng)})
        case Properties():
            return _with(connectome, model.draw(connectome, rng=rng))
        case PositionTable() | VoxelMap():
            return _placed(connectome, model)
    if not hasattr(model, "probabilities"):
        raise OptionError(f"evaluate.model: a {type(model).__name__} draws nothing by itself.")
    post = None if connectome.is_square else connectome.post_nodes
    return connectome.with_edges(*draw(model, connectome.pre_nodes, post, rng=rng))


def _with(connectome: Connectome, values: dict[str, Any]) -> Connectome:
    return connectome.with_edges(connectome.pre, connectome.post, properties=dict(connectome.properties) | values)


def _multiplied(connectome: Connectome, model: SynapseCounts, rng: np.random.Generator) -> Connectome:
    first = connectome.connections(merge=dict.fromkeys(connectome.properties, "first"))
    counts = model.draw(first, rng=rng)
    kept = {
        name: np.repeat(values, counts) if isinstance(values, np.ndarray) else values.repeat(counts)
        for name, values in first.properties.items()
        if name in connectome.properties
    }
    return first.with_edges(np.repeat(first.pre, counts), np.repeat(first.post, counts), properties=kept)


def _placed(connectome: Connectome, model: PositionTable | VoxelMap) -> Connectome:
    nodes = connectome.nodes
    found = model.evaluate(nodes)
    return connectome.with_nodes(nodes.assign(**{name: found[:, at] for at, name in enumerate(model.names)}))
