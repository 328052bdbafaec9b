"""How many of the possible connections there are."""

from __future__ import annotations

from typing import Literal, get_args

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import one_of
from conntap.topology.graphs import simple_graph
from conntap.topology.triads import count_dyads

__all__ = ["density"]

Kind = Literal["directed", "reciprocal", "undirected"]


def density(connectome: Connectome, *, kind: Kind = "directed") -> float:
    """The share of possible connections that there are.

    Parameters
    ----------
    connectome
        A square connectome, or for directed connections a rectangular one; parallel edges are merged, self-loops
        ignored.
    kind
        What counts: connections over ordered pairs of nodes ("directed"), pairs that connect both ways over pairs
        ("reciprocal"), or pairs that connect in any way over pairs ("undirected").

    Returns
    -------
    From 0 to 1; NaN where there is no pair.

    Raises
    ------
    OptionError
        The kind is unknown, or the connectome is rectangular and the kind not "directed".

    Notes
    -----
    Linear in nodes and edges. By pathway: `pathway_statistics`.

    Examples
    --------
    >>> chain = Connectome(3, [0, 1, 1], [1, 0, 2])
    >>> density(chain), density(chain, kind="reciprocal"), density(chain, kind="undirected")
    (0.5, 0.3333333333333333, 0.6666666666666666)
    """
    one_of("density.kind", kind, get_args(Kind))
    if kind == "directed" and not connectome.is_square:
        n_pre, n_post = connectome.n_pre, connectome.n_post
        ends = connectome.pre.astype("int64"), connectome.post.astype("int64") + n_pre
        found, places = len(simple_graph(*ends, n_pre + n_post)[1]), n_pre * n_post
    else:
        indptr, indices = simple(connectome, "density")
        found, places = len(indices), connectome.n_nodes * (connectome.n_nodes - 1)
        if kind != "directed":
            out, _, mutual = count_dyads(indptr, indices).sum(axis=0).tolist()
            found = mutual if kind == "reciprocal" else mutual + 2 * out
    return found / places if places else float("nan")
