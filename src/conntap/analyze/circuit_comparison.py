"""The pathways of two connectomes, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from conntap.analyze.pathways import measured_pathways
from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import Grouping

__all__ = ["compare_circuits"]

_COUNTS = ["connections", "edges", "pairs"]


def compare_circuits(
    before: Connectome,
    after: Connectome,
    *,
    by: Grouping,
    post_by: Grouping | None = None,
    within_um: float | None = None,
    positions: Sequence[str] = ("x", "y", "z"),
    properties: Sequence[str] = (),
    threads: int = 1,
) -> pd.DataFrame:
    """Compare two connectomes pathway by pathway: connections, how likely they are, their synapses, edge properties.

    A pathway is a group of pre nodes and a group of post nodes; what counts is as in `pathway_statistics`: no self-loops,
    and nothing of nodes that lack a value of `by` or, where it is asked for, a position. The two need not have the same
    nodes; pathways are matched by the names of their groups. So groups by quantiles are matched by rank, each with the
    bounds of its own connectome.

    Parameters
    ----------
    before, after
        Both square or rectangular; an edge is a synapse.
    by
        The node property (or several, whose combinations count) that makes the groups.
    post_by
        The same for post nodes, where they are grouped otherwise.
    within_um
        Take only pairs at this distance or nearer; default: all.
    positions
        Node properties that hold the position, in um; used with `within_um`.
    properties
        Numeric edge properties of both to average (a weight, a delay); none of them named "edges".
    threads
        Threads that share the search for near pairs; the result does not depend on it.

    Returns
    -------
    One row for each pathway, indexed by `pre_NAME` and `post_NAME` for each property of `by`, those of `before` first.
    Columns `M_before`, `M_after` and `M_change` (after - before) for each measure M: `probability` = connections / pairs;
    `edges_mean`; `NAME_mean` over the edges for each of `properties`; `edges_sd`, `edges_sem`, `edges_min`, `edges_max`,
    of the numbers of edges of a connection; `NAME_sd`; and the counts `connections`, `edges` and `pairs`. Counts are
    int64 and 0 where only the other has a pathway; the rest are floats and NaN where there is nothing to divide by, or
    where infinite values make them so.

    Raises
    ------
    OptionError
        A property that either lacks, one that is not numeric or named "edges", or a number out of range.

    Notes
    -----
    `edges_sd` and `NAME_sd` have n as the denominator; `edges_sem` is the standard deviation with n - 1 over the root of
    n, NaN for one connection. Linear in nodes, edges and pathways; with `within_um` about 0.7 ns for each pair of nodes.

    Examples
    --------
    >>> nodes = pd.DataFrame({"ei": ["e", "e", "i"]})
    >>> before = Connectome(nodes, [0, 0, 1, 2], [1, 1, 0, 0])
    >>> found = compare_circuits(before, before.filter([True, False, False, True]), by="ei")
    >>> found.filter(like="probability").loc[("e", "e")].tolist()
    [1.0, 0.5, -0.5]
    >>> found["edges_mean_change"].tolist()
    [-0.5, nan, 0.0, nan]
    """
    sides = {
        name: measured_pathways(
            "compare_circuits",
            connectome,
            by,
            post_by=post_by,
            within_um=within_um,
            positions=positions,
            weights={"properties": properties},
            threads=threads,
        )
        for name, connectome in (("before", before), ("after", after))
    }
    return _side_by_side(sides["before"], sides["after"])


def _side_by_side(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Three columns for each of theirs, under the pathways of both."""
    index = before.index.append(after.index.difference(before.index, sort=False)).set_names(before.index.names)
    before, after = _under(before, index), _under(after, index)
    columns = {}
    for name in _ordered(before.columns):
        first, second = before[name].to_numpy(), after[name].to_numpy()
        with np.errstate(invalid="ignore"):  # of infinite values
            columns |= {f"{name}_before": first, f"{name}_after": second, f"{name}_change": second - first}
    return pd.DataFrame(columns, index=index)


def _under(table: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    """A table under another index: without a pathway there is no pair of it."""
    rows = table.index.get_indexer(index)
    found = table.take(np.maximum(rows, 0)) if len(table) else table.reindex(range(len(index)))
    return found.assign(**{
        name: np.where(rows >= 0, found[name], 0).astype(np.int64) if name in _COUNTS else found[name].where(rows >= 0)
        for name in table.columns
    })  # fmt: skip


def _ordered(names: pd.Index) -> list[str]:
    """What a reader asks first stands first: probability and means, then how they vary, then counts."""
    means = [name for name in names if name.endswith("_mean")]
    return ["probability", *means, *names.difference(["probability", *means, *_COUNTS], sort=False), *_COUNTS]
