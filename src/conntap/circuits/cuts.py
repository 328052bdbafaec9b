"""What a grouping of nodes says: the cuts that it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from conntap.circuits.selection import unknown_property
from conntap.errors import OptionError, known
from conntap.store.queries import check_readable

__all__ = ["Cut", "Parts", "Quantiles", "Values", "read_cuts"]

_MOST_QUANTILES = 10_000


@dataclass(frozen=True)
class Values:
    """Nodes that share the value of a property: any, or one of those wanted, in that order."""

    name: str
    wanted: tuple[Any, ...] | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of what tells its groups apart."""
        return (self.name,)


@dataclass(frozen=True)
class Parts:
    """Nodes that meet an expression, by its name."""

    named: tuple[tuple[str, str], ...]
    variables = ("part",)


@dataclass(frozen=True)
class Quantiles:
    """As many groups of nodes of rising values, as equal in size as ties allow."""

    name: str
    number: int

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of what tells its groups apart."""
        return (f"{self.name}_quantile",)


Cut: TypeAlias = Any
"""One way to divide nodes: Values, Parts, Quantiles, or what a reader of another form gives; has `variables`."""


def read_cuts(
    by: Any,
    where: str,
    *,
    columns: pd.Index | None = None,
    forms: Mapping[str, Callable[[Any, str], list[Cut]]] | None = None,
) -> list[Cut]:
    """What a grouping says, checked: the cuts that it is made of, in order.

    Parameters
    ----------
    columns
        The node properties there are; None where they are not known yet, so that only the form is checked.
    forms
        Further forms than quantiles: keyword -> a reader of what stands under it.

    Raises
    ------
    OptionError
        No cut at all, a form that is none, an unknown property, or two cuts that tell their groups apart by one name.

    Examples
    --------
    >>> read_cuts(["layer", {"quantiles": {"y": 4}}], "example.by")
    [Values(name='layer', wanted=None), Quantiles(name='y', number=4)]
    """
    forms = {"quantiles": _quantiles, **(forms or {})}
    cuts = _read(by, where, columns, forms)
    if not cuts:
        raise OptionError(f"{where}: no property. Name at least one.")
    variables = [name for cut in cuts for name in cut.variables]
    if len(set(variables)) < len(variables):
        raise OptionError(f"{where}: {by!r} names something twice; give a node property, or a list of different ones.")
    for cut in cuts:
        name = getattr(cut, "name", None)
        if columns is not None and isinstance(cut, Values | Quantiles) and name not in columns:
            raise OptionError(unknown_property(where, name, columns))
    return cuts


def _read(by: Any, where: str, columns: pd.Index | None, forms: Mapping[str, Any]) -> list[Cut]:
    if isinstance(by, str):
        return [Values(by)]
    if isinstance(by, Mapping):
        return _of_mapping(by, where, columns, forms)
    if not _is_list(by):
        raise OptionError(f"{where}: {by!r}; give a node property, a list of them, or {{property: [values]}}.")
    for each in by:
        if not isinstance(each, str | Mapping):
            raise OptionError(f"{where}: {each!r} is no name of a node property. Give text.")
    return [cut for each in by for cut in _read(each, where, columns, forms)]


def _of_mapping(by: Mapping[Any, Any], where: str, columns: Any, forms: Mapping[str, Any]) -> list[Cut]:
    cuts: list[Cut] = []
    named: dict[str, str] = {}
    for name, value in by.items():
        if not isinstance(name, str):
            raise OptionError(f"{where}: {name!r} is no name of a node property. Give text.")
        if name in forms and (isinstance(value, Mapping) or columns is None or name not in columns):
            cuts += forms[name](value, f"{where}.{name}")
        elif isinstance(value, str) and (columns is None or name not in columns):
            if columns is not None:
                _check_expression(name, value, where, columns)
            cuts += [] if named else [None]
            named[name] = value
        else:
            cuts.append(Values(name, tuple(_values(name, value, where, forms))))
    if named and len(cuts) > 1 and columns is not None:
        raise OptionError(
            f"{where}: {known(named)} {'are' if len(named) > 1 else 'is'} by expression, the rest is not; one mapping "
            "does not say which of them cuts the other. Give a list of them, in order."
        )
    return [Parts(tuple(named.items())) if cut is None else cut for cut in cuts]


def _check_expression(name: str, expression: str, where: str, columns: pd.Index) -> None:
    try:
        check_readable(expression, f"{where}.{name}", what="node property", error=OptionError)
    except OptionError as error:
        raise OptionError(
            f"{error} Node properties: {known(columns)}. {name!r} is none of these, so it names the nodes that meet an "
            f'expression; write one such as {{{name}: "y < 0"}}.'
        ) from None


def _values(name: str, values: Any, where: str, forms: Mapping[str, Any]) -> list[Any]:
    """The wanted values, each once."""
    listed = list(values) if _is_list(values) else [values]
    if not listed:
        raise OptionError(f"{where}.{name}: no values. Give some, or the property's name alone for all of them.")
    for value in listed:
        if not pd.api.types.is_scalar(value) or pd.isna(value):
            also = f" Ways to group beside properties: {known(forms)}." if isinstance(value, Mapping) else ""
            raise OptionError(f"{where}.{name}: {value!r} is no value of a node. Give numbers, text or booleans.{also}")
    return list(dict.fromkeys(listed))


def _quantiles(wanted: Any, where: str) -> list[Cut]:
    if not isinstance(wanted, Mapping) or not wanted:
        raise OptionError(f"{where}: {wanted!r}; give {{property: number of groups}}.")
    for name, number in wanted.items():
        whole = isinstance(number, int) and not isinstance(number, bool)
        if not isinstance(name, str) or not whole or not 2 <= number <= _MOST_QUANTILES:
            raise OptionError(f"{where}: {name!r}: {number!r}; give a whole number of groups, 2 or more.")
    return [Quantiles(name, number) for name, number in wanted.items()]


def _is_list(values: Any) -> bool:
    return isinstance(values, Sequence | np.ndarray | pd.Index) and not isinstance(values, str)
