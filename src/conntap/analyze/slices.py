"""Parts of a connectome: by what its nodes are, how they are connected, at random, and between groups of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from conntap.analyze.parts import Pairs, Ranked, Sample, quantity, ranked, read_slicing, sampled
from conntap.circuits.connectome import Connectome
from conntap.circuits.cuts import Cut, Parts, Quantiles, Values
from conntap.circuits.grouping import grouped, quantile_of, wanted_of
from conntap.circuits.selection import selected
from conntap.errors import OptionError, rectangular
from conntap.seeds import stream

__all__ = ["slices"]

_log = logging.getLogger(__name__)
_WHERE = "slices.by"

Part = tuple[dict[str, Any], str, Connectome]


def slices(
    connectome: Connectome,
    *,
    by: str | Sequence[str | dict[str, Any]] | Mapping[str, Any],
    rng: np.random.Generator | None = None,
) -> Iterator[Part]:
    """Cut a connectome into parts, each of some of its nodes and the edges among them.

    Parts without nodes are not given. Nodes without a value are in no part; how many is logged, and a wanted value that
    no node has is warned of. The input is untouched.

    Parameters
    ----------
    connectome
        A square connectome; for pairs, a rectangular one too.
    by
        What the nodes of a part share:

        - a node property: a part a value; `{property: [values]}`: one a wanted value, in that order;
        - `{name: expression, ...}`: the nodes that meet each expression over properties ("y < -500 and ei == 'e'");
          parts may overlap, and a name that is a property's means its value;
        - `{"quantiles": {property: number}}`: groups of rising values, as equal in size as ties allow;
        - `{"top": {what: amounts}}`: the nodes with the most of a property, or of the part's own `in_degree`, `out_degree`
          or `degree` (connections) or `participation_2` (directed simplices of that dimension); an amount is a number of nodes or, between 0 and 1, a fraction. Of equal nodes the
          first. `{"at_least": {what: amounts}}`: the nodes with so much of it;
        - `{"subsample": {"nodes": n, "repeats": r}}` (or `"fraction"`): nodes drawn at random, r times;
        - `{"pairs": grouping}` or `{"pairs": {"pre": grouping, "post": grouping}}`: the edges from each group to each, in
          rectangular connectomes; with `"shape": "square"` square ones of the nodes of both groups, which hold no other
          edges. A side that is left out stays whole;
        - a list of these: each cuts the parts of those before it. Pairs stand last.
    rng
        The source of randomness, needed for `subsample` only. A draw depends on the part and its number alone.

    Returns
    -------
    An iterator of (variables, label, part): a dict from name to value ({"layer": 4, "y_quantile": 1}), the same as text
    ("layer=4, y_quantile=1"), and the part. Names are the property, "part", "PROPERTY_quantile" (from 1), "top_WHAT",
    "at_least_WHAT", "subsample" (from 0), and these with "pre_" and "post_" before them for pairs. Values of a property
    and quantiles rise; all else stands in the order given.

    Raises
    ------
    OptionError
        The connectome is rectangular, a property is unknown or no number, none of its wanted values occurs, there are
        fewer nodes than a sample wants, `rng` is missing, or `by` has another form.

    Notes
    -----
    Linear in nodes and edges for each part; one part exists at a time.

    Examples
    --------
    >>> nodes = pd.DataFrame({"layer": [1, 2, 2]})
    >>> chain = Connectome(nodes, [0, 1], [1, 2])
    >>> [(label, part.n_nodes) for _, label, part in slices(chain, by="layer")]
    [('layer=1', 1), ('layer=2', 2)]
    >>> [(label, part.n_edges) for _, label, part in slices(chain, by={"pairs": "layer"}) if part.n_edges]
    [('pre_layer=1, post_layer=2', 1), ('pre_layer=2, post_layer=2', 1)]
    >>> [part.ids.tolist() for _, _, part in slices(chain, by={"top": {"degree": 1}})]
    [[1]]
    """
    if not connectome.is_square and not isinstance(read_slicing(by, _WHERE)[0], Pairs):
        raise OptionError(rectangular("slices", connectome.n_pre, connectome.n_post))
    columns = connectome.pre_nodes.columns.union(connectome.post_nodes.columns, sort=False)
    cuts = read_slicing(by, _WHERE, columns=columns)
    if any(isinstance(cut, Sample) for cut in cuts) and rng is None:
        raise OptionError(f"{_WHERE}.subsample: draws at random. Give rng.")
    if isinstance(cuts[0], Sample) and sampled(connectome.n_nodes, cuts[0], np.random.default_rng(0)) is None:
        raise OptionError(
            f"{_WHERE}.subsample: {cuts[0].amount} nodes of {connectome.n_nodes}. Give as many or fewer, or a fraction."
        )
    return _Cutter(connectome, cuts, rng).parts(cuts, np.arange(connectome.n_pre), {})


class _Cutter:
    """Cuts one connectome; what properties and expressions say of its nodes is worked out once."""

    def __init__(self, connectome: Connectome, cuts: Sequence[Cut], rng: np.random.Generator | None) -> None:
        self.whole = connectome
        self.nodes = connectome.pre_nodes
        self.coded = {cut: _coded(self.nodes[cut.name], cut) for cut in cuts if isinstance(cut, Values)}
        self.masks = {cut: self._masks(cut) for cut in cuts if isinstance(cut, Parts)}
        self.seed = None if rng is None else int.from_bytes(rng.bytes(16), "little")
        self.pairs = [_grouped_sides(connectome, cut) for cut in cuts if isinstance(cut, Pairs) and len(cuts) == 1]

    def _masks(self, cut: Parts) -> list[tuple[str, np.ndarray]]:
        found = []
        for name, expression in cut.named:
            mask = np.zeros(len(self.nodes), dtype=bool)
            mask[selected(self.nodes, expression, f"{_WHERE}.{name}")] = True
            found.append((name, mask))
        return found

    def parts(self, cuts: Sequence[Cut], rows: np.ndarray, variables: dict[str, Any]) -> Iterator[Part]:
        if not cuts:
            yield variables, _label(variables), self._of(rows)
        elif isinstance(cuts[0], Pairs):
            part = self.whole if not variables else self._of(rows)
            sides = self.pairs[0] if self.pairs else _grouped_sides(part, cuts[0])
            for own, pair in _pairs(part, cuts[0], sides):
                both = variables | own
                yield both, _label(both), pair
        else:
            for value, chosen in self._divided(cuts[0], rows, variables):
                yield from self.parts(cuts[1:], chosen, variables | {cuts[0].variables[0]: value})

    def _of(self, rows: np.ndarray) -> Connectome:
        mask = np.zeros(len(self.nodes), dtype=bool)
        mask[rows] = True
        return self.whole.subset(mask)

    def _divided(self, cut: Cut, rows: np.ndarray, variables: dict[str, Any]) -> Iterator[tuple[Any, np.ndarray]]:
        match cut:
            case Values():
                codes, values = self.coded[cut]
                yield from _by_code(rows, codes[rows], values)
            case Quantiles():
                codes = quantile_of(self.nodes[cut.name].iloc[rows], cut, np.zeros(len(rows), dtype=np.int64), _WHERE)
                yield from _by_code(rows, codes, range(1, cut.number + 1))
            case Parts():
                yield from _filled((name, rows[mask[rows]]) for name, mask in self.masks[cut])
            case Ranked():
                values = quantity(self._of(rows), cut, _WHERE)
                yield from _filled((amount, rows[ranked(values, cut, amount)]) for amount in cut.amounts)
            case Sample():
                yield from self._drawn(cut, rows, variables)

    def _drawn(self, cut: Sample, rows: np.ndarray, variables: dict[str, Any]) -> Iterator[tuple[Any, np.ndarray]]:
        for number in range(cut.repeats):
            chosen = sampled(len(rows), cut, stream(self.seed or 0, variables, number))
            if chosen is None:
                wanted, where = cut.amount, f"{_WHERE}.subsample"
                _log.warning("%s: %s has %d nodes, fewer than %d; no slice.", where, variables, len(rows), wanted)
                return
            yield number, rows[chosen]


def _filled(parts: Iterator[tuple[Any, np.ndarray]]) -> Iterator[tuple[Any, np.ndarray]]:
    return (each for each in parts if len(each[1]))


def _by_code(rows: np.ndarray, codes: np.ndarray, values: Sequence[Any]) -> Iterator[tuple[Any, np.ndarray]]:
    for code in np.unique(codes[codes >= 0]).tolist():
        yield values[code], rows[codes == code]


def _label(variables: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in variables.items())


def _coded(column: pd.Series, cut: Values) -> tuple[np.ndarray, list[Any]]:
    """The position of each node's value among the values (-1 for none), and the values."""
    missing = int(column.isna().sum())
    if missing:
        _log.info("slices: %d of %d nodes have no %s and are in no slice.", missing, len(column), cut.name)
    present = pd.Index(_sorted(column.dropna().unique()))
    values = present if cut.wanted is None else wanted_of(cut, present, _WHERE)
    return values.get_indexer(pd.Index(column.to_numpy())), values.tolist()


def _sorted(values: Any) -> list[Any]:
    values = np.asarray(values).tolist()
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=lambda each: (type(each).__name__, str(each)))


# -- pairs of groups ----------------------------------------------------------------------------------

Side = tuple[np.ndarray, list[dict[str, Any]]]


def _grouped_sides(connectome: Connectome, cut: Pairs) -> list[Side]:
    """For pre and post: the group of each node, and the variables of the groups."""
    tables = (("pre", cut.pre, connectome.pre_nodes), ("post", cut.post, connectome.post_nodes))
    return [_side(name, by, nodes) for name, by, nodes in tables]


def _side(side: str, by: Any, nodes: pd.DataFrame) -> Side:
    if by is None:
        return np.zeros(len(nodes), dtype=np.int64), [{}]
    codes, groups = grouped(nodes, by, f"{_WHERE}.pairs.{side}")
    names = [f"{side}_{name}" for name in groups.names]
    rows = zip(*(groups.get_level_values(level).tolist() for level in range(groups.nlevels)), strict=True)
    return codes, [dict(zip(names, row, strict=True)) for row in rows]


def _pairs(connectome: Connectome, cut: Pairs, sides: Sequence[Side]) -> Iterator[tuple[dict[str, Any], Connectome]]:
    (pre_codes, pre_groups), (post_codes, post_groups) = sides
    if cut.shape == "square" and not connectome.is_square:
        raise OptionError(rectangular(f"{_WHERE}.pairs.shape", connectome.n_pre, connectome.n_post))
    for i, pre in enumerate(pre_groups):
        for j, post in enumerate(post_groups):
            sources, targets = pre_codes == i, post_codes == j
            if cut.shape == "rectangular":
                yield {**pre, **post}, connectome.subset(pre=sources, post=targets)
            else:
                between = connectome.filter(sources[connectome.pre] & targets[connectome.post])
                yield {**pre, **post}, between.subset(sources | targets)
