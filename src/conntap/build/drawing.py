"""Connections drawn by any rule, without looking at most of the pairs where the rule says how it falls with distance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.circuits.grouping import grouped
from conntap.circuits.rules.gridded import Placed
from conntap.circuits.rules.pairwise import bound_of, chance_of
from conntap.circuits.rules.points import points
from conntap.circuits.rules.positions import PositionTable
from conntap.circuits.rules.tables import Listed
from conntap.circuits.rules.values import Pathways, Rule
from conntap.errors import OptionError
from conntap.seeds import stream
from conntap.topology.falling_draws import draw_falling
from conntap.topology.row_draws import draw_rows, uniforms_of

__all__ = ["draw_by_rule"]

_PAIRS_A_BLOCK = 1_000_000


def draw_by_rule(
    rule: Rule, pre: pd.DataFrame, post: pd.DataFrame, own: np.ndarray, *, seed: int, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Draw each pair of rows of two tables with its probability, independently of all others.

    Parameters
    ----------
    rule
        Any rule.
    pre, post
        Tables of nodes.
    own
        Shape (post nodes,): the row in `pre` that each post node is itself, from which it is not drawn; -1 for none.
    seed
        From 0 to 2^64 - 1.
    where
        What to name in errors.

    Returns
    -------
    Rows of both ends, whole numbers, in no order.

    Raises
    ------
    OptionError
        A node lacks a property that the rule takes, or the rule gives what is no probability.

    Notes
    -----
    Rules of conntap take some 1 us a connection (tables 8 us) and 2 us a post node; others are asked about all pairs.

    Examples
    --------
    >>> from conntap.circuits.rules import Constant
    >>> nodes = pd.DataFrame(index=[0, 1])
    >>> [each.tolist() for each in draw_by_rule(Constant(1.0), nodes, nodes, np.arange(2), seed=1, where="example")]
    [[1, 0], [0, 1]]
    """
    if isinstance(rule, Pathways):
        return _by_pathway(rule, pre, post, own, seed, where)
    if isinstance(rule, Placed):
        tables = (_moved(nodes, table) for nodes, table in ((pre, rule.pre), (post, rule.post)))
        return draw_by_rule(rule.rule, *tables, own, seed=seed, where=where)
    if isinstance(rule, Listed):
        return _listed(rule, pre, post, own, seed)
    found = bound_of(rule)
    if found is None:
        return _of_all_pairs(rule, pre, post, own, seed, where)
    names, bound = found
    _check_known(rule, pre, post, where)
    ends = [points(nodes, names, where) if names else np.zeros((len(nodes), 1)) for nodes in (pre, post)]
    return draw_falling(*ends, own, bound=bound, chance=chance_of(rule, pre, post), seed=seed)


def _moved(nodes: pd.DataFrame, table: PositionTable) -> pd.DataFrame:
    found = table.evaluate(nodes)
    return nodes.assign(**{name: found[:, at] for at, name in enumerate(table.names)})


def _by_pathway(
    rule: Pathways, pre: pd.DataFrame, post: pd.DataFrame, own: np.ndarray, seed: int, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Pathway by pathway, each with a seed of its own."""
    members = []
    for nodes in (pre, post):
        codes, groups = grouped(nodes, rule.by, f"{where}.by")
        members.append({group: np.flatnonzero(codes == number) for number, group in enumerate(groups)})
    found = [np.empty((2, 0), dtype=np.int64)]
    for number, (one, other, each) in enumerate(rule.rules):
        sources, targets = members[0].get(one, ()), members[1].get(other, ())
        if not (len(sources) and len(targets)):
            continue
        places = np.full(len(pre) + 1, -1, dtype=np.int64)
        places[sources] = np.arange(len(sources))
        own_seed = int(stream(seed, "pathway", number).integers(2**63))
        rows, columns = draw_by_rule(
            each, pre.iloc[sources], post.iloc[targets], places[own[targets]], seed=own_seed, where=where
        )
        found.append(np.stack([sources[rows], targets[columns]]))
    rows, columns = np.concatenate(found, axis=1)
    return rows, columns


def _listed(
    rule: Listed, pre: pd.DataFrame, post: pd.DataFrame, own: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = pre.index.get_indexer(rule.pre_ids), post.index.get_indexer(rule.post_ids)
    there = (rows >= 0) & (columns >= 0)
    there[there] = own[columns[there]] != rows[there]
    there[there] = uniforms_of(columns[there], rows[there], seed=seed) < rule.p[there]
    return rows[there], columns[there]


def _of_all_pairs(
    rule: Rule, pre: pd.DataFrame, post: pd.DataFrame, own: np.ndarray, seed: int, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """By the probabilities of all pairs, in blocks."""
    found, sources = [np.empty((2, 0), dtype=np.int64)], np.arange(len(pre))
    size = max(1, _PAIRS_A_BLOCK // max(1, len(pre)))
    for begin in range(0, len(post) if len(pre) else 0, size):
        chances = np.asarray(rule.probabilities(pre, post.iloc[begin : begin + size]), dtype=np.float64).T.copy()
        if not ((chances >= 0) & (chances <= 1)).all():
            what = "a node lacks what it takes" if np.isnan(chances).any() else "it gives numbers beyond 0 and 1"
            raise OptionError(f"{where}: {what}. Leave such nodes out, or give another rule.")
        targets = np.arange(begin, begin + len(chances))
        counts, rows = draw_rows(
            chances, own[targets], sources, targets, np.full(len(targets), -1, dtype=np.int64), seed=seed
        )
        found.append(np.stack([rows, np.repeat(targets, counts)]))
    rows, columns = np.concatenate(found, axis=1)
    return rows, columns


def _check_known(rule: Rule, pre: pd.DataFrame, post: pd.DataFrame, where: str) -> None:
    """Refuse nodes without a property that the rule takes."""
    one, other = (nodes.iloc[:1] for nodes in (pre, post))
    if len(one) and len(other):
        rule.probabilities(one, other)  # names and types of columns are checked there
    names = [
        part for part in ([*_names(rule)]) if any(part in nodes and nodes[part].isna().any() for nodes in (pre, post))
    ]
    if names:
        lacking = sum(int(nodes[names].isna().any(axis=1).sum()) for nodes in (pre, post))
        raise OptionError(f"{where}: {lacking} nodes lack {', '.join(names)}, which it takes. Leave such nodes out.")


def _names(rule: object) -> list[str]:
    """The node properties that a rule takes."""
    found = list(getattr(rule, "positions", ()))
    found += [rule.axis] if isinstance(getattr(rule, "axis", None), str) else []
    found += [name for _, *names in getattr(rule, "features", ()) for name in names]
    for part in ("rule", "negative", "positive"):
        if hasattr(rule, part):
            found += _names(getattr(rule, part))
    return list(dict.fromkeys(found))
