"""`alter_property` of edges that come in chunks of post nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, unknown
from conntap.manipulate.among import Among, Nodes
from conntap.manipulate.choosing import amount, edges_where
from conntap.manipulate.distributions import drawn_from
from conntap.manipulate.draws import chosen as drawn_of
from conntap.manipulate.properties import _MODES, _check_value, _clipped, _named, _numbers, _replaced, combined, parted
from conntap.store.queries import check_readable, names_in

__all__ = ["AlterProperty"]

_ALTER = "alter_property"


class AlterProperty:
    """`alter_property`, chunk by chunk: what is drawn is drawn in the order of the edges; shuffled values are held."""

    looks_at_nodes = False

    def __init__(self, options: Mapping[str, Any], nodes: Nodes, rng: np.random.Generator) -> None:
        self._among, self._rng, self._stream = Among(_ALTER, options, nodes), rng, nodes.stream
        self.mask = self._among.mask
        self._property, self._how, self._value = options["property"], options["how"], options.get("value")
        (self._where, *self._wanted), self._clip = parted(options.get("where"), _ALTER), options.get("clip")
        self._is_part, self._stays = isinstance(options.get("where"), dict), None
        one_of(f"{_ALTER}.how", self._how, _MODES)
        _check_value(self._how, self._value, _ALTER)
        known_ones = self._stream.population.properties
        if self._property not in known_ones:
            raise OptionError(unknown(f"{_ALTER}.property", "edge property", self._property, known_ones))
        attribute = self._stream.attributes.get(self._property)
        if attribute is None or (attribute.library is None and self._stream.columns[attribute.path][0].kind in "OS"):
            raise OptionError(
                f"{_ALTER}.property: {self._property!r} is text without an enumeration, or of the table of types; in chunks "
                "it cannot be changed. Read the circuit with conntap.read."
            )
        self.needs: tuple[str, ...] | None = (self._property,)
        self.changes: tuple[str, ...] | None = (self._property,)
        if self._where is not None:
            check_readable(self._where, f"{_ALTER}.where", what="edge property", error=OptionError)
            named = names_in(self._where)
            self.needs = (self._property, *(each for each in named if each in known_ones))
            self.looks_at_nodes = len(set(named) - set(known_ones)) > 0

    def counts(self) -> bool:
        return self._draws() or self._is_part

    def _draws(self) -> bool:
        return self._how.startswith("random") or self._how == "shuffle"

    def tally(self, chunk: Connectome) -> Any:
        rows, column = self._rows(chunk)[0], chunk.properties[self._property]
        return len(rows), column[rows] if self._how == "shuffle" else column[:0]

    def settle(self, tallies: list[Any]) -> None:
        self._all_starts = self._starts = np.append(0, np.cumsum([n for n, _ in tallies]))
        if self._is_part:
            n = int(self._starts[-1])
            self._stays = drawn_of(n, amount(f"{_ALTER}.where", *self._wanted, n, "synapses"), self._rng)
            self._starts = np.append(0, np.cumsum(self._stays))[self._all_starts]
        if self._how == "shuffle":
            values = _joined([each for _, each in tallies])
            del tallies[:]
            values = values if self._stays is None else values[self._stays]
            self._drawn = values[self._rng.permutation(len(values))]
        elif self._draws():
            self._drawn = self._drawn_of(tallies[0][1], int(self._starts[-1]))

    def apply(self, chunk: Connectome, part: int) -> tuple[Connectome, dict[str, int]]:
        rows, told = self._rows(chunk)
        if self._stays is not None:
            rows = rows[self._stays[self._all_starts[part] : self._all_starts[part + 1]]]
        column = chunk.properties[self._property]
        drawn = self._drawn[self._starts[part] : self._starts[part + 1]] if self._draws() else None
        changed = self._changed(column[rows], drawn)
        if self._clip is not None:
            changed = _clipped(changed, self._clip, f"{_ALTER}.clip")
        columns = {**chunk.properties, self._property: _replaced(column, rows, changed, _ALTER)}
        return chunk.with_edges(chunk.pre, chunk.post, properties=columns), {**told, "synapses": len(rows)}

    def _drawn_of(self, column: Any, n: int) -> Any:
        """What `alter_property` draws for n synapses, of a property of this type."""
        if _is_named(column):
            return _named(column, self._how, self._value, n, self._rng, _ALTER)
        drawn = drawn_from(self._value, n, self._rng, f"{_ALTER}.value")
        if drawn.dtype.kind not in "iuf":
            raise OptionError(f"{_ALTER}.value: draws {drawn.dtype}, where numbers are wanted. Give numbers.")
        return drawn

    def _changed(self, values: Any, drawn: Any) -> Any:
        if drawn is None:
            if _is_named(values):
                return _named(values, self._how, self._value, len(values), self._rng, _ALTER)
            return _numbers(values, self._how, self._value, self._rng, _ALTER)
        if self._how in ("shuffle", "random"):
            return drawn
        return combined(values, drawn, self._how, _ALTER)

    def _rows(self, chunk: Connectome) -> tuple[np.ndarray, dict[str, int]]:
        rows, told = self._among.rows(chunk)
        if self._where is not None:
            rows = rows[edges_where(chunk, self._where, f"{_ALTER}.where")[rows]]
        return rows, told


def _is_named(column: Any) -> bool:
    return isinstance(column, pd.Categorical) or column.dtype.kind not in "iuf"


def _joined(values: list[Any]) -> Any:
    if not isinstance(values[0], pd.Categorical):
        return np.concatenate(values)
    codes = np.concatenate([each.codes for each in values])
    return pd.Categorical.from_codes(codes, dtype=values[0].dtype)
