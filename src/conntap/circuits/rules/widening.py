"""Values by pathway, and wider groups for the pathways that have none of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import grouped
from conntap.errors import OptionError, whole

__all__ = ["Group", "by_names", "check_pathways", "groups_of", "parts_of", "pathway_of", "pathway_table"]

Group = tuple[Any, ...]
"""Values of the first so many node properties of `by`; () for all nodes."""


def levels_of(n: int) -> list[tuple[int, int]]:
    """How many of n properties tell pre and post nodes apart, from narrow to wide.

    >>> levels_of(2)
    [(2, 2), (1, 1), (2, 0), (0, 2), (0, 0)]
    """
    return [*((each, each) for each in range(n, 0, -1)), *([(n, 0), (0, n)] if n else []), (0, 0)]


def by_names(by: str | Sequence[str] | None) -> tuple[str, ...]:
    """The node properties of an option `by`.

    >>> by_names("layer"), by_names(None)
    (('layer',), ())
    """
    return (by,) if isinstance(by, str) else tuple(by or ())


def check_pathways(by: Any, pathways: Any, kind: type, where: str) -> None:
    """Refuse pathways that are not (pre group, post group, value of a kind), or one that stands there twice."""
    if not isinstance(by, tuple) or not all(isinstance(each, str) for each in by):
        raise OptionError(f"{where}.by: {by!r}; give names of node properties.")
    seen = set()
    for each in pathways if isinstance(pathways, tuple) else [None]:
        if not isinstance(each, tuple) or len(each) != 3 or not isinstance(each[2], kind):
            raise OptionError(f"{where}.pathways: {each!r}; give (pre group, post group, {kind.__name__}).")
        pre, post, _ = each
        if not isinstance(pre, tuple) or not isinstance(post, tuple) or (len(pre), len(post)) not in levels_of(len(by)):
            raise OptionError(f"{where}.pathways: {pre!r} to {post!r} are no groups by {', '.join(by) or 'nothing'}.")
        if (pre, post) in seen:
            raise OptionError(f"{where}.pathways: {pre!r} to {post!r} stands there twice; give one value a pathway.")
        seen.add((pre, post))


def groups_of(connectome: Connectome, by: Sequence[str], where: str) -> list[tuple[np.ndarray, list[Group]]]:
    """For the pre and the post nodes: the number of each node's group, and the groups; nodes that lack a value: ()."""
    found = []
    for nodes in (connectome.pre_nodes, connectome.post_nodes)[: 1 if connectome.is_square else 2]:
        if not by:
            found.append((np.zeros(len(nodes), dtype=np.int64), [()]))
            continue
        codes, groups = grouped(nodes, list(by), f"{where}.by")
        named = [each if isinstance(each, tuple) else (each,) for each in groups.tolist()]
        found.append((np.where(codes < 0, len(named), codes), [*named, ()]))
    return [found[0], found[-1]]


def pathway_of(
    connectome: Connectome, by: Sequence[str], known: Sequence[tuple[Group, Group]], where: str
) -> np.ndarray:
    """The position of each edge's pathway among those known: its own, else the first wider one of `levels_of`.

    Raises
    ------
    OptionError
        Nothing is known of an edge's pathway, nor of a wider group.
    """
    numbers = {each: number for number, each in enumerate(known)}
    (pre_codes, pre_groups), (post_codes, post_groups) = groups_of(connectome, by, where)
    table = np.array([[_widened(numbers, one, other, len(by)) for other in post_groups] for one in pre_groups])
    found = table.reshape(len(pre_groups), len(post_groups))[pre_codes[connectome.pre], post_codes[connectome.post]]
    if (found < 0).any():
        edge = int(np.argmin(found))
        ends = pre_groups[pre_codes[connectome.pre[edge]]], post_groups[post_codes[connectome.post[edge]]]
        raise OptionError(
            f"{where}: nothing is known of {int((found < 0).sum())} edges, as from {ends[0]} to {ends[1]}. Give a value for "
            "all, () to ()."
        )
    return found


def _widened(numbers: dict[tuple[Group, Group], int], pre: Group, post: Group, n: int) -> int:
    for one, other in levels_of(n):
        if len(pre) >= one and len(post) >= other and (pre[:one], post[:other]) in numbers:
            return numbers[pre[:one], post[:other]]
    return -1


def parts_of(
    connectome: Connectome, by: Sequence[str], fewest: int, where: str
) -> Iterator[tuple[Group, Group, np.ndarray]]:
    """(pre group, post group, edges): every pathway and wider group of `fewest` edges or more; all edges in any case."""
    whole(f"{where}.fewest", fewest, 1)
    (pre_codes, pre_groups), (post_codes, post_groups) = groups_of(connectome, by, where)
    for one, other in levels_of(len(by)):
        rows, columns = (_shortened(groups, n) for groups, n in ((pre_groups, one), (post_groups, other)))
        code = rows[1][pre_codes][connectome.pre] * len(columns[0]) + columns[1][post_codes][connectome.post]
        if not one and not other:
            yield (), (), np.arange(connectome.n_edges)
            continue
        kind = np.min_scalar_type(len(rows[0]) * len(columns[0]))
        order = np.argsort(code.astype(kind), kind="stable")
        counts = np.bincount(code, minlength=len(rows[0]) * len(columns[0]))
        ends = np.cumsum(counts)
        for number in np.flatnonzero(counts >= fewest).tolist():
            pre, post = rows[0][number // len(columns[0])], columns[0][number % len(columns[0])]
            if len(pre) == one and len(post) == other:
                yield pre, post, order[ends[number] - counts[number] : ends[number]]


def _shortened(groups: Sequence[Group], n: int) -> tuple[list[Group], np.ndarray]:
    """The groups told apart by the first n properties alone, and which of these each group is."""
    names = list(dict.fromkeys(each[:n] for each in groups))
    numbers = {each: number for number, each in enumerate(names)}
    return names, np.array([numbers[each[:n]] for each in groups], dtype=np.int64)


def pathway_table(
    rows: Sequence[tuple[Group, Group, dict[str, Any]]], by: Sequence[str], names: Sequence[str] = ()
) -> pd.DataFrame:
    """Rows by pathway: `pre_NAME`, `post_NAME` (text; "" where a wider group is meant), then what each row holds: these
    `names` where there are none."""
    table = pd.DataFrame([values for *_, values in rows], columns=None if rows else list(names))
    if not by:
        return table
    levels = {}
    for side, position in (("pre", 0), ("post", 1)):
        for number, name in enumerate(by):
            levels[f"{side}_{name}"] = [
                str(row[position][number]) if len(row[position]) > number else "" for row in rows
            ]
    return table.set_index(pd.MultiIndex.from_arrays(list(levels.values()), names=list(levels)))
