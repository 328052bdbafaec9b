"""What a network has learned, as a connectome again: so that all measures of connectomes are measures of trained networks."""

from __future__ import annotations

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.train.trained import Trained

__all__ = ["connectome"]


def connectome(trained: Trained) -> Connectome:
    """The connectome of a trained network with the weights that it has learned.

    Parameters
    ----------
    trained
        Of a kind whose connections are those of its connectome (rnn, ode, visual).

    Returns
    -------
    The same nodes and connections [pre, post], with the edge property weight: what the network multiplies with, signs and gains
    included. Other properties of edges stay; where pairs have several edges, these become one connection, sorted by pre and then post,
    with their number as count, and the others are dropped.

    Raises
    ------
    OptionError
        A network without weights of connections.
    MissingExtra
        torch is not installed.

    Notes
    -----
    Linear in connections.

    Examples
    --------
    >>> from conntap import build, train
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> column = build.column(n_nodes=40, rng=rng)
    >>> trained = train.fit(column, train.delayed_match(n=40, rng=rng), epochs=1, rng=rng)
    >>> connectome(trained).n_edges == column.n_edges
    True
    """
    from conntap.train.making import needs_torch

    needs_torch("connectome")
    from conntap.train.networks import ConnectomeRNN

    made = trained.network()
    network = next((each for each in made.modules() if isinstance(each, ConnectomeRNN)), None)
    if network is None:
        raise OptionError(
            f"connectome.trained: a {type(made).__name__} has no weights of connections. Give a network of kind rnn, ode or visual."
        )
    values, pattern, given = network.weights().detach().cpu().numpy(), network.pattern, trained.connectome
    if pattern.n_connections == given.n_edges:
        return given.with_edges(
            given.pre, given.post, properties={**given.properties, "weight": values[pattern.slots()]}
        )
    merged = given.connections()
    return merged.with_edges(
        merged.pre, merged.post, properties={**merged.properties, "weight": values[pattern.back_order.cpu().numpy()]}
    )
