"""The neighbourhood of each node against random ones that a null model draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection, selected
from conntap.errors import ConntapError, OptionError, one_of, whole
from conntap.seeds import stream
from conntap.store.statistics import statistics
from conntap.topology.neighbourhoods import Centre, Direction, check_surroundings, map_neighbourhoods
from conntap.topology.threads import mapped

__all__ = ["complexity_against"]

Profile = Literal["degree", "in-degree", "out-degree", "triangles"]
Null = Callable[..., Connectome]


def complexity_against(
    connectome: Connectome,
    *,
    null: Null,
    draws: int = 10,
    rng: np.random.Generator,
    profile: Profile = "degree",
    direction: Direction = "both",
    centre: Centre = "with",
    nodes: Selection | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """How far the neighbourhood of each node is from random ones, by the spread of its nodes' degrees or triangles.

    Of each neighbourhood the null model draws random connectomes. The complexity is the
    distance between the profile of the neighbourhood and that of its draws, pooled. Since random graphs are some way off
    their pool too, each draw is measured against the pool of the other draws, and the complexity set against these.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    null
        A function (connectome, rng=...) that gives a random connectome, such as those of `conntap.manipulate`. It gets
        the neighbourhood with the properties of its nodes and edges.
    draws
        Random connectomes of each neighbourhood, two at least.
    rng
        The source of randomness. The draws of a node are the same whatever other nodes are wanted and however many
        threads there are.
    profile
        What each node of a neighbourhood counts in it: its partners on both sides together, those that project to it,
        those that it projects to, or the transitive triangles (2-simplices) that it is a vertex of.
    direction, centre, nodes
        As for `neighbourhoods`. The node itself has to do with all others of its neighbourhood, which in a random graph
        none has; `centre` "without" leaves it out.
    threads
        Neighbourhoods at a time.

    Returns
    -------
    float64, one row a node wanted, indexed by "id". `value` is the complexity: the first Wasserstein distance between
    the two distributions of counts; 0 below two nodes. `mean`, `sd`, `z`, `ratio`, `p_upper`, `p_lower`, `p`, `q`,
    `draws` and `p_floor` set it against the distances of the draws, as `conntap.store.Dataset.against` defines them.

    Raises
    ------
    OptionError
        The connectome is rectangular, an option does not fit, or the null model refuses a neighbourhood or gives
        something other than a connectome.

    Notes
    -----
    One call of the null model a node and draw: choose nodes. Memory: one neighbourhood and one draw a thread. The draws'
    own distances are to a pool of one draw less, so slightly larger than those of an original that is as random: z and
    p_upper are on the safe side, the more so the fewer the draws.

    With "degree" and `manipulate.erdos_renyi`, the complexity tends to `neighbourhood_complexity` as draws grow. Source:
    Egas Santander et al., 2025, iScience, doi:10.1016/j.isci.2024.111585, where the controls are Erdos-Renyi graphs.

    Examples
    --------
    >>> from conntap.manipulate import erdos_renyi
    >>> star = Connectome(9, [0] * 8, range(1, 9))
    >>> table = complexity_against(star, null=erdos_renyi, draws=19, rng=np.random.default_rng(1), nodes=[0])
    >>> table.loc[0, ["value", "p_upper"]].round(2).tolist()
    [1.12, 0.05]
    """
    where = "complexity_against"
    graph = simple(connectome, where)
    check_surroundings(where, direction, centre)
    one_of(f"{where}.profile", profile, get_args(Profile))
    whole(f"{where}.draws", draws, 2)
    whole(f"{where}.threads", threads, 1)
    if not callable(null):
        raise OptionError(f"{where}.null: {null!r} is no function. Give one of conntap.manipulate.")
    if not hasattr(rng, "bytes"):
        raise OptionError(f"{where}.rng: {rng!r} draws no numbers. Give numpy.random.default_rng(SEED).")
    rows = selected(connectome.nodes, nodes, f"{where}.nodes")
    seed = int.from_bytes(rng.bytes(16), "little")

    def distances(part: tuple[int, np.ndarray]) -> np.ndarray:
        row, members = part
        around = connectome.subset(np.isin(np.arange(connectome.n_nodes), members))
        drawn = (_drawn(around, null, (seed, "draw", row, draw), connectome.nodes.index[row]) for draw in range(draws))
        return _distances([_counts(each, profile) for each in (around, *drawn)])

    positions = np.arange(connectome.n_nodes)[rows]
    members = map_neighbourhoods(lambda each, *_: each, *graph, nodes=rows, direction=direction, centre=centre)
    found = list(mapped(distances, list(zip(positions.tolist(), members, strict=True)), threads))
    return _table(np.array(found).reshape(len(found), draws + 1)).set_index(connectome.nodes.index[rows])


def _drawn(around: Connectome, null: Null, key: tuple[object, ...], node: object) -> Connectome:
    try:
        random = null(around, rng=stream(*key))
    except ConntapError as error:
        raise OptionError(f"complexity_against: the neighbourhood of {node!r}: {error}") from error
    if not isinstance(random, Connectome):
        kind = type(random).__name__
        raise OptionError(
            f"complexity_against.null: it gives a {kind}, no connectome. Give a function of conntap.manipulate."
        )
    return random


def _counts(connectome: Connectome, profile: Profile) -> np.ndarray:
    """Shape (n,): what each node counts."""
    begins, ends = simple(connectome, "complexity_against")
    n_nodes = len(begins) - 1
    if profile == "triangles":
        from conntap.topology.participation import node_participation

        found = node_participation(begins, ends, max_dimension=2)
        return found[:, 2] if found.shape[1] > 2 else np.zeros(n_nodes, dtype=np.int64)
    to, of = np.bincount(ends, minlength=n_nodes), np.diff(begins)
    return {"degree": to + of, "in-degree": to, "out-degree": of}[profile]


def _distances(counts: list[np.ndarray]) -> np.ndarray:
    """Shape (draws + 1,): the first one's distance to the others pooled, then of each other to the rest of these."""
    if len(counts[0]) < 2:
        return np.zeros(len(counts))
    steps = np.unique(np.concatenate(counts))
    if len(steps) < 2:
        return np.zeros(len(counts))
    widths = np.diff(steps)
    shares = np.array([np.searchsorted(np.sort(each), steps[:-1], side="right") / max(len(each), 1) for each in counts])
    total, others = shares[1:].sum(axis=0), len(counts) - 1
    original = np.abs(shares[0] - total / others) @ widths
    drawn = np.abs(shares[1:] - (total - shares[1:]) / (others - 1)) @ widths
    return np.append(original, drawn)


def _table(distances: np.ndarray) -> pd.DataFrame:
    n_nodes, draws = len(distances), distances.shape[1] - 1
    at = np.repeat(np.arange(n_nodes), draws)
    return statistics(distances[:, 0], at, distances[:, 1:].ravel(), np.zeros(n_nodes, dtype=int))
