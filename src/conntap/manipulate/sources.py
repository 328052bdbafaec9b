"""The sources that a rule gives to post nodes, drawn for each of these with random numbers of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules import Bipolar, Constant, Exponential, Pathways
from conntap.circuits.rules.fitted import model_of
from conntap.circuits.rules.gridded import scaled
from conntap.errors import OptionError
from conntap.manipulate.expected import factor_for
from conntap.manipulate.meant import rows_meant
from conntap.topology.row_draws import Boxed, draw_rows

__all__ = ["Sources"]

_log = logging.getLogger(__name__)
_PAIRS_A_BLOCK = 1_000_000
_BOXED = (Constant, Exponential, Bipolar)


class Sources:
    """Selected pre nodes as the sources of selected post nodes, by a rule; no node is its own source.

    Parameters
    ----------
    connectome
        Any with these nodes; its edges do not matter.
    rule, pre, post
        As options have them.
    where
        Whose options these are.

    Notes
    -----
    Rules of distance and constants look at boxes of sources, others at all pairs. Post nodes are looked at in blocks that do
    not depend on which of them are drawn.
    """

    def __init__(self, connectome: Connectome, rule: Any, pre: Any, post: Any, where: str) -> None:
        self._where, self.rule = where, model_of(rule, f"{where}.rule")
        if not hasattr(self.rule, "probabilities"):
            raise OptionError(f"{where}.rule: a {type(self.rule).__name__} gives no probability. Give a rule.")
        _tell_above_one(self.rule, f"{where}.rule")
        tables = connectome.pre_nodes, connectome.post_nodes
        self.pre, self.post = (
            np.sort(rows_meant(nodes, choice, f"{where}.{side}")).astype(np.int64)
            for nodes, choice, side in zip(tables, (pre, post), ("pre", "post"), strict=True)
        )
        self._pre_nodes, self._post_nodes = tables[0].iloc[self.pre], tables[1].iloc[self.post]
        self._own = np.full(len(self.post), -1, dtype=np.int64)
        if connectome.is_square and len(self.pre):
            places = np.minimum(np.searchsorted(self.pre, self.post), len(self.pre) - 1)
            self._own = np.where(self.pre[places] == self.post, places, -1)
        self._boxed = _boxed(self.rule, self._pre_nodes, self._post_nodes, where) if len(self.pre) else None

    def draw(self, places: np.ndarray, wanted: np.ndarray, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """How many sources each of some of the post nodes has, and their rows, rising for each.

        Parameters
        ----------
        places
            Positions among the post nodes selected, rising.
        wanted
            How many sources each has, drawn one after another by weight; -1 where each source is drawn by itself.

        Raises
        ------
        OptionError
            More are wanted than have a chance, or a rule gives what is no probability.
        """
        if not len(self.pre):
            counts, found = np.where(wanted > 0, -1, 0), np.empty(0, dtype=np.int64)
        elif self._boxed is not None:
            counts, found = self._boxed.draw(places, self._own[places], self.post[places], wanted, seed=seed)
        else:
            counts, found = self._from_tables(places, wanted, seed)
        if (counts < 0).any():
            self.check(places, wanted, np.where(counts < 0, -1 - counts, wanted))
        return counts, self.pre[found]

    def check(self, places: np.ndarray, wanted: np.ndarray, most: np.ndarray) -> None:
        """Refuse post nodes that are to have more sources than have a chance."""
        lacking = np.flatnonzero(wanted > most)
        if len(lacking):
            first = lacking[0]
            raise OptionError(
                f"{self._where}.rule: post nodes have more sources than the rule gives a chance, such as "
                f"{self._post_nodes.index[places[first]]}: {wanted[first]} sources, {most[first]} with p > 0. Give "
                "another rule, or let the numbers of sources change: preserve='none'."
            )

    def scale(self, factor: float) -> None:
        """Multiply the probabilities of the rule by a factor, at most 1 each."""
        self.rule = scaled(self.rule, factor)
        if len(self.pre):
            self._boxed = _boxed(self.rule, self._pre_nodes, self._post_nodes, self._where)

    def fit_number(self, wanted: int) -> float:
        """Scale the rule so that so many sources are expected, of all post nodes together; the factor."""
        every = np.arange(len(self.post))
        factor = factor_for(lambda: (chances for _, chances in self.chances(every)), wanted, self._where)
        self.scale(factor)
        return factor

    def chances(self, places: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """For some of the post nodes, block by block: which of them, and the chance of each source, (post, pre)."""
        size = max(1, _PAIRS_A_BLOCK // max(1, len(self.pre)))
        ends = np.searchsorted(places, np.arange(0, len(self.post) + size, size))
        for block in np.flatnonzero(np.diff(ends)).tolist():
            part = slice(int(ends[block]), int(ends[block + 1]))
            own = self._post_nodes.iloc[block * size : (block + 1) * size]
            found = np.asarray(self.rule.probabilities(self._pre_nodes, own), dtype=np.float64)
            if found.shape != (len(self.pre), len(own)):
                raise OptionError(
                    f"{self._where}.rule: gives shape {found.shape} for {len(self.pre)} pre and {len(own)} post nodes."
                )
            if np.isnan(found).any():
                raise OptionError(f"{self._where}.rule: a node lacks a position that it takes. Leave such nodes out.")
            if not ((found >= 0) & (found <= 1)).all():
                raise OptionError(f"{self._where}.rule: gives numbers that are no probabilities, from 0 to 1.")
            found = np.ascontiguousarray(found.T)[places[part] - block * size]
            at = np.flatnonzero(self._own[places[part]] >= 0)
            found[at, self._own[places[part]][at]] = 0.0
            yield part, found

    def _from_tables(self, places: np.ndarray, wanted: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        counts, found = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int32)]
        for part, chances in self.chances(places):
            own, numbers = self._own[places[part]], self.post[places[part]]
            some, which = draw_rows(chances, own, self.pre, numbers, wanted[part], seed=seed)
            counts.append(some)
            found.append(which)
        return np.concatenate(counts), np.concatenate(found)


def _boxed(rule: Any, pre: pd.DataFrame, post: pd.DataFrame, where: str) -> Boxed | None:
    """Boxes of sources where the rule is one of distance, or pathways of such of the same positions."""
    from conntap.manipulate.distance import _given

    rules = [each for *_, each in rule.rules] if isinstance(rule, Pathways) else [rule]
    if not rules or not all(type(each) in _BOXED for each in rules):
        return None
    frames = {(each.positions, getattr(each, "axis", None)) for each in rules if not isinstance(each, Constant)}
    if len({names for names, _ in frames}) > 1 or len({axis for _, axis in frames if axis is not None}) > 1:
        return None
    (sources, targets), rates = _given(Connectome(pre, [], [], post_nodes=post), rule, where)
    return Boxed(sources, targets, rates)


def _tell_above_one(rule: Any, where: str) -> None:
    """Warn of a rule that says more than 1 for near pairs."""
    if isinstance(rule, Pathways):
        for _, _, each in rule.rules:
            _tell_above_one(each, where)
        return
    names = {Exponential: ("a",), Bipolar: ("a_negative", "a_positive")}.get(type(rule), ())
    for name in names:
        if getattr(rule, name) > 1:
            _log.warning("%s: %s is %s; a probability above 1 counts as 1.", where, name, getattr(rule, name))
