"""Two circuits side by side: nodes, connections, synapses and properties, exactly, some post nodes at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.side_by_side import Pair, Tallied, differ, edges_of, kind_of, shown
from conntap.errors import OptionError

__all__ = ["Comparison", "check_removed", "compare"]

_COLUMNS = ["kind", "population", "what", "a", "b", "only_a", "only_b", "changed", "examples"]


@dataclass(frozen=True)
class Comparison:
    """What two circuits have in common and what not.

    Parameters
    ----------
    table
        One row for each thing compared: `kind` (nodes, edges), `population`, `what` (ids, connections, synapses, a property,
        the type of one), how many there are in `a` and in `b`, how many only there, how many `changed`, and the first
        `examples`.
    """

    table: pd.DataFrame = field(repr=False)

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences.shape[0]

    @property
    def differences(self) -> pd.DataFrame:
        """The rows of the table in which something differs."""
        return self.table[self.table[["only_a", "only_b", "changed"]].any(axis=1)]


def compare(
    a: Circuit | Connectome,
    b: Circuit | Connectome,
    *,
    edges: str | None = None,
    examples: int = 3,
    mem_gb: float = 0.5,
) -> Comparison:
    """Compare two circuits, or two connectomes, exactly.

    Populations are matched by name, nodes by id, edges by their ends; the order in the files does not count, nor that of
    the synapses of a connection. Properties are compared where a connection has as many synapses on both sides: these are
    either the same ones in some order, or compared one by one in the order of the files. Values that are missing on both
    sides are equal.

    Parameters
    ----------
    edges
        One population of edges, which both circuits have; default: all of both.
    examples
        How many examples of each difference are told.
    mem_gb
        Memory for chunks of edges; nodes are held whole, a property at a time.

    Returns
    -------
    The comparison; its `equal` says whether there is no difference.

    Raises
    ------
    CircuitError
        A circuit is damaged, or has no such population.
    OptionError
        Ids that are numbers on one side and text on the other.

    Notes
    -----
    One pass over the edges of both and, where they differ, a sort of the chunk; no matrix is made.

    Examples
    --------
    >>> a = Connectome(3, [0, 0, 1], [1, 1, 2], properties={"w": [1.0, 2.0, 3.0]})
    >>> b = Connectome(3, [0, 0, 2], [1, 1, 0], properties={"w": [2.0, 1.0, 3.0]})
    >>> compare(a, b).differences[["what", "only_a", "only_b", "changed"]].values.tolist()
    [['connections', 1, 1, 0], ['synapses', 1, 1, 0]]
    >>> compare(a, a).equal
    True
    """
    rows = list(_nodes(a, b, examples))
    for name, pair in _pairs(a, b, edges):
        if isinstance(pair, Pair):
            rows += _edge_rows(name, pair, pair.tallied(mem_gb, examples))
        else:
            rows.append(pair)
    return Comparison(pd.DataFrame(rows, columns=_COLUMNS))


def check_removed(
    before: Circuit | Connectome,
    after: Circuit | Connectome,
    mask: Mask,
    *,
    edges: str | None = None,
    mem_gb: float = 0.5,
) -> pd.DataFrame:
    """Whether the connections of a mask, and nothing else, are gone.

    Parameters
    ----------
    before, after
        Circuits, or connectomes.
    mask
        What was to be removed.
    edges
        The population of edges; default: each circuit's default one.
    mem_gb
        Memory for chunks of edges.

    Returns
    -------
    Indexed by "check"; columns `expected`, `found`, `wrong` (how many) and `holds`:

    - nodes: both have the same ids;
    - mask: its connections are all there before;
    - connections: those before less those of the mask are as many as those after;
    - edges: what is not in the mask is there after, edge for edge, and nothing else is;
    - properties: and has the same values.

    Raises
    ------
    OptionError
        The mask names ids that are no nodes.
    CircuitError
        A circuit is damaged, or has no such population.

    Notes
    -----
    One pass over the edges of both; never a matrix of nodes by nodes.

    Examples
    --------
    >>> before = Connectome(3, [0, 0, 1], [1, 2, 2])
    >>> check_removed(before, Connectome(3, [0, 1], [1, 2]), Mask.from_pairs([0], [2]))
                 expected  found  wrong  holds
    check
    nodes               3      3      0   True
    mask                1      1      0   True
    connections         2      2      0   True
    edges               2      2      0   True
    properties          0      0      0   True
    """
    pair = Pair(edges_of(before, edges, mask=mask), edges_of(after, edges))
    found = pair.tallied(mem_gb, 0)
    masked = pair.a.masked
    wanted = masked if mask.is_inverted else mask.size
    n_a, n_b = (len(side.pre_ids) for side in (pair.a, pair.b))
    expected = found.connections[0]
    compared = sum(found.compared.values())
    lost = [
        name for side, other in ((pair.a, pair.b), (pair.b, pair.a)) for name in side.kinds if name not in other.kinds
    ]
    changed = sum(found.changed.values()) + len(lost) + len(pair.kinds_differ())
    rows = {
        "nodes": (n_a, n_b, pair.strange_nodes()),
        "mask": (wanted, masked, abs(wanted - masked)),
        "connections": (expected, found.connections[1], abs(expected - found.connections[1])),
        "edges": (found.synapses[0], found.synapses[1], sum(found.only_synapses)),
        "properties": (compared, compared - sum(found.changed.values()), changed),
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["expected", "found", "wrong"]).rename_axis("check")
    return table.assign(holds=table["wrong"] == 0)


def _pairs(a: Any, b: Any, edges: str | None) -> Iterable[tuple[str, Any]]:
    if isinstance(a, Connectome) and isinstance(b, Connectome):
        yield a.name or b.name, Pair(edges_of(a), edges_of(b))
        return
    if isinstance(a, Connectome) or isinstance(b, Connectome):
        raise OptionError("compare: a circuit and a connectome. Give two circuits, or two connectomes.")
    names = [edges] if edges is not None else dict.fromkeys([*a.edge_populations, *b.edge_populations])
    for name in names:
        if edges is not None or (name in a.edge_populations and name in b.edge_populations):
            yield name, Pair(edges_of(a, name), edges_of(b, name))
        else:
            sizes = [each.edges(name).size if name in each.edge_populations else 0 for each in (a, b)]
            yield name, ("edges", name, "population", *sizes, *_lone(a.edge_populations, name), 0, ())


def _lone(names: Iterable[str], name: str) -> tuple[int, int]:
    return (1, 0) if name in names else (0, 1)


def _edge_rows(name: str, pair: Pair, found: Tallied) -> list[tuple[Any, ...]]:
    examples = found.examples
    rows: list[tuple[Any, ...]] = [
        ("edges", name, "connections", *found.connections, *found.only_connections, 0, tuple(examples["connections"])),
        (
            "edges",
            name,
            "synapses",
            *found.synapses,
            *found.only_synapses,
            found.recounted,
            tuple(examples["synapses"]),
        ),
    ]
    rows += _ends(name, pair)
    for each in dict.fromkeys([*pair.a.kinds, *pair.b.kinds]):
        if each not in found.compared:
            both = each in pair.a.kinds and each in pair.b.kinds
            sizes = tuple(found.synapses[i] * (each in side.kinds) for i, side in enumerate((pair.a, pair.b)))
            only = (0, 0) if both else _lone(pair.a.kinds, each)
            if not both:
                rows.append(("edges", name, each, *sizes, *only, 0, ()))
        else:
            n = found.compared[each]
            rows.append(("edges", name, each, n, n, 0, 0, found.changed[each], tuple(examples[each])))
    for each, (first, other) in pair.kinds_differ().items():
        rows.append(("edges", name, f"type of {each}", 1, 1, 0, 0, 1, (f"{first} | {other}",)))
    return rows


def _ends(name: str, pair: Pair) -> list[tuple[Any, ...]]:
    if pair.a.ends == pair.b.ends:
        return []
    told = " | ".join(f"{source} -> {target}" for source, target in (pair.a.ends, pair.b.ends))
    return [("edges", name, "ends", 1, 1, 0, 0, 1, (told,))]


# -- nodes ---------------------------------------------------------------------------------------------------------


def _nodes(a: Any, b: Any, examples: int) -> Iterable[tuple[Any, ...]]:
    if isinstance(a, Connectome) or isinstance(b, Connectome):
        if isinstance(a, Connectome) and isinstance(b, Connectome):
            tables = {"pre": (a.pre_nodes, b.pre_nodes), "post": (a.post_nodes, b.post_nodes)}
            for name, (one, other) in tables.items():
                if name == "pre" or not (a.is_square and b.is_square):
                    yield from _node_rows(
                        name, one.index, other.index, *((dict(t.items())) for t in (one, other)), examples
                    )
        return
    for name in dict.fromkeys([*a.node_populations, *b.node_populations]):
        if name not in a.node_populations or name not in b.node_populations:
            sizes = [each.nodes(name).size if name in each.node_populations else 0 for each in (a, b)]
            yield "nodes", name, "population", *sizes, *_lone(a.node_populations, name), 0, ()
            continue
        one, other = a.nodes(name), b.nodes(name)
        columns = [_Columns(each) for each in (one, other)]
        yield from _node_rows(name, *(pd.Index(each.node_ids()) for each in (one, other)), *columns, examples)


class _Columns:
    """The properties of a population of nodes, each read when it is asked for."""

    def __init__(self, population: Any) -> None:
        self._population = population

    def __iter__(self) -> Any:
        return iter(self._population.properties)

    def __getitem__(self, name: str) -> Any:
        return self._population.column(name)


def _node_rows(name: str, ids_a: pd.Index, ids_b: pd.Index, a: Any, b: Any, examples: int) -> Iterable[tuple[Any, ...]]:
    rows = ids_b.get_indexer(ids_a)
    common = np.flatnonzero(rows >= 0)
    alone = [ids_a[rows < 0], ids_b[~np.isin(np.arange(len(ids_b)), rows)]]
    told = tuple(f"{each} only in {side}" for side, ids in zip("ab", alone, strict=True) for each in ids[:examples])
    yield "nodes", name, "ids", len(ids_a), len(ids_b), len(alone[0]), len(alone[1]), 0, told[:examples]
    for each in dict.fromkeys([*a, *b]):
        if each not in set(a) or each not in set(b):
            yield (
                "nodes",
                name,
                each,
                len(ids_a) * (each in set(a)),
                len(ids_b) * (each in set(b)),
                *_lone(set(a), each),
                0,
                (),
            )
            continue
        one, other = a[each], b[each]
        if kind_of(one) != kind_of(other):
            yield "nodes", name, f"type of {each}", 1, 1, 0, 0, 1, (f"{kind_of(one)} | {kind_of(other)}",)
        one, other = (pd.Series(np.asarray(v) if not hasattr(v, "categories") else v).array for v in (one, other))
        one, other = one[common], other[rows[common]]
        wrong = differ(one, other)
        first = np.flatnonzero(wrong)[:examples]
        told = tuple(f"{ids_a[common[i]]}: {shown(one[i])} | {shown(other[i])}" for i in first)
        yield "nodes", name, each, len(common), len(common), 0, 0, int(wrong.sum()), told
