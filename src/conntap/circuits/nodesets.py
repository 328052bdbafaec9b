"""Node sets: named selections of nodes by id, population and property, and unions of others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from conntap.circuits.patterns import is_slow
from conntap.circuits.sonata.config import read_json
from conntap.errors import NodeSetError, unknown

__all__ = ["NodeSets"]

_COMPARISONS = {
    "$gt": np.greater,
    "$gte": np.greater_equal,
    "$lt": np.less,
    "$lte": np.less_equal,
}
_DEEPEST = 100
_OPERATORS = (*_COMPARISONS, "$regex")


class _Nodes(Protocol):
    """What a rule is evaluated on."""

    name: str
    size: int
    properties: tuple[str, ...]

    def column(self, name: str) -> np.ndarray | pd.Categorical: ...

    def node_ids(self) -> np.ndarray: ...


class NodeSets(Mapping[str, Any]):
    """Named selections of nodes, as a SONATA node-sets file defines them.

    A definition is a rule or a list of names. A rule is an object all of whose conditions must hold:
    `population` (a name or several), `node_id` (an id or several), or a property with a value, a list of
    allowed values, or an object of operators `$gt`, `$gte`, `$lt`, `$lte` (numbers) and `$regex` (text; found
    anywhere in it). `$and` and `$or` take lists of rules. A list of names is the union of these sets.

    Parameters
    ----------
    definitions
        Name -> definition.
    where
        What messages call the place that the definitions come from.
    hint
        What messages add where a name is unknown.

    Raises
    ------
    NodeSetError
        A definition of another form, or lists that run in circles. A list that names an unknown set is told where that
        set is asked for.

    Notes
    -----
    Rules are evaluated when used: linear in the nodes of the population, and in the number of distinct
    values for `$regex`. A pattern that could take more than some 10^9 steps on the longest of them, such as one with
    a repeat inside a repeat, is refused.

    Examples
    --------
    >>> sets = NodeSets({"L1": {"layer": 1}, "L2": {"layer": 2}, "upper": ["L1", "L2"]})
    >>> list(sets), sets["upper"]
    (['L1', 'L2', 'upper'], ['L1', 'L2'])
    """

    def __init__(self, definitions: Mapping[str, Any], *, where: str = "node sets", hint: str = "") -> None:
        if not isinstance(definitions, Mapping):
            raise NodeSetError(f"{where}: a {type(definitions).__name__}; give an object of named node sets.")
        self._definitions = {str(name): definition for name, definition in definitions.items()}
        self._where, self._hint = where, hint
        for name, definition in self._definitions.items():
            _check_form(f"{where}: {name}", definition)
        self._refuse_circles()

    @classmethod
    def read(cls, *paths: Path) -> NodeSets:
        """The node sets of one or more files; where a name stands in several, the last counts.

        Raises
        ------
        CircuitError
            A file is missing or is no JSON.
        NodeSetError
            As for the class.
        """
        merged: dict[str, Any] = {}
        for path in paths:
            merged |= cls(_object(path), where=str(path))._definitions if len(paths) == 1 else _object(path)
        return cls(merged, where=", ".join(map(str, paths)) or "node sets")

    def __getitem__(self, name: str) -> Any:
        if name not in self._definitions:
            raise NodeSetError(f"{unknown(self._where, 'node set', name, self._definitions)} {self._hint}".rstrip())
        return self._definitions[name]

    def __contains__(self, name: object) -> bool:
        return name in self._definitions

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)

    def __repr__(self) -> str:
        return f"NodeSets({', '.join(self._definitions) or 'none'})"

    def mask(self, selection: str | list[str] | Mapping[str, Any], nodes: _Nodes) -> np.ndarray:
        """Which nodes of a population a node set, a union of several, or a rule selects.

        Parameters
        ----------
        selection
            A set's name, a list of names (their union), or a rule.
        nodes
            The population.

        Returns
        -------
        Boolean, shape (nodes,), in the population's row order.

        Raises
        ------
        NodeSetError
            An unknown set, a property that the population does not have, or a value that does not fit it.
        """
        if isinstance(selection, Mapping):
            _check_form("node set", selection)
            return _meets(selection, nodes, "node set")
        names = [selection] if isinstance(selection, str) else list(selection)
        result = np.zeros(nodes.size, dtype=bool)
        for name in self._flat(names):
            result |= _meets(self._definitions[name], nodes, f"{self._where}: {name}")
        return result

    def _flat(self, names: list[str]) -> list[str]:
        """The names of the rules that some sets are made of, each once."""
        rules, seen = [], set()
        left: list[tuple[str, str | None]] = [(name, None) for name in names[::-1]]
        while left:
            name, asker = left.pop()
            if name in seen:
                continue
            seen.add(name)
            definition = self[name] if asker is None else self._part(name, asker)
            if isinstance(definition, Mapping):
                rules.append(name)
            else:
                left += [(part, name) for part in definition[::-1]]
        return rules

    def _part(self, name: str, asker: str) -> Any:
        """The definition of a set that another one is made of."""
        if name not in self._definitions:
            raise NodeSetError(unknown(f"{self._where}: {asker}", "node set", name, self._definitions))
        return self._definitions[name]

    def _refuse_circles(self) -> None:
        done: set[str] = set()
        for start in self._definitions:
            trail = {} if start in done else {start: self._parts(start)}
            while trail:
                name, parts = next(reversed(trail.items()))
                part = next(parts, None)
                if part is None:
                    done.add(name)
                    del trail[name]
                elif part in trail:
                    names = [*trail]
                    circle = " -> ".join([*names[names.index(part) :][:20], part])
                    raise NodeSetError(f"{self._where}: circular: {circle}. Take one of them out.")
                elif part not in done:
                    trail[part] = self._parts(part)

    def _parts(self, name: str) -> Iterator[str]:
        definition = self._definitions.get(name, {})
        return iter(()) if isinstance(definition, Mapping) else iter(definition)


def _object(path: Path) -> dict[str, Any]:
    definitions = read_json(path)
    if not isinstance(definitions, dict):
        raise NodeSetError(f"{path}: a {type(definitions).__name__}; give an object of named node sets.")
    return definitions


def _check_form(where: str, definition: Any, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise NodeSetError(f"{where[:200]}...: rules in rules more than {_DEEPEST} deep. Flatten them.")
    if isinstance(definition, list):
        if not all(isinstance(each, str) for each in definition):
            raise NodeSetError(f"{where}: a list of other things than names; give names of node sets, or a rule.")
        return
    if not isinstance(definition, Mapping):
        raise NodeSetError(f"{where}: a {type(definition).__name__}; give an object of conditions or a list of names.")
    for key, value in definition.items():
        if key in ("$and", "$or"):
            if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
                raise NodeSetError(f"{where}.{key}: give a list of rules.")
            for i, each in enumerate(value):
                _check_form(f"{where}.{key}[{i}]", each, depth + 1)
        else:
            _check_condition(f"{where}.{key}", key, value)


def _check_condition(where: str, key: str, value: Any) -> None:
    several = list(value) if isinstance(value, list | tuple | range | np.ndarray) else [value]
    if key == "node_id":
        if not all(isinstance(each, int | np.integer) and _is_number(each) and each < 2**63 for each in several):
            raise NodeSetError(f"{where}: give a whole number of at most 64 bits, or a list of them.")
        return
    if key == "population" and not all(isinstance(each, str) for each in several):
        raise NodeSetError(f"{where}: give a population's name or a list of names.")
    if isinstance(value, Mapping):
        _check_operators(where, value)
    elif value is None:
        raise NodeSetError(f"{where}: null is no value to compare with. Give a value, a list, or an operator.")
    elif not all(isinstance(each, str | bool) or _is_number(each) for each in several):
        raise NodeSetError(f"{where}: give numbers of at most 64 bits, text, booleans, or one list of them.")


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | np.bool_):
        return False
    if isinstance(value, int | np.integer):
        return -(2**63) <= int(value) < 2**64
    return isinstance(value, float | np.floating)


def _check_operators(where: str, operators: Mapping[str, Any]) -> None:
    for name, value in operators.items():
        if name not in _OPERATORS:
            raise NodeSetError(unknown(where, "operator", name, _OPERATORS))
        if name == "$regex":
            try:
                re.compile(value)
            except (re.error, TypeError, RecursionError, OverflowError) as error:
                raise NodeSetError(f"{where}.$regex: {value!r} is no regular expression: {error}.") from None
        elif not _is_number(value):
            raise NodeSetError(f"{where}.{name}: {value!r} is no number. Give one.")


def _meets(rule: Mapping[str, Any], nodes: _Nodes, where: str) -> np.ndarray:
    result = np.ones(nodes.size, dtype=bool)
    populations = rule.get("population")
    if populations is not None and nodes.name not in ([populations] if isinstance(populations, str) else populations):
        return ~result
    for key, value in rule.items():
        if key == "$and":
            result &= np.logical_and.reduce([result, *(_meets(each, nodes, where) for each in value)])
        elif key == "$or":
            result &= np.logical_or.reduce([~result & False, *(_meets(each, nodes, where) for each in value)])
        elif key == "node_id":
            result &= np.isin(nodes.node_ids(), np.atleast_1d(value))
        elif key != "population":
            result &= _condition(nodes, key, value, where)
    return result


def _condition(nodes: _Nodes, name: str, value: Any, where: str) -> np.ndarray:
    if name not in nodes.properties:
        raise NodeSetError(unknown(f"{where}, on population {nodes.name!r}", "property", name, nodes.properties))
    column = nodes.column(name)
    is_text = isinstance(column, pd.Categorical)
    where = f"{where}.{name}"
    if not isinstance(value, Mapping):
        return _equals(column, is_text, value if isinstance(value, list) else [value], where)
    result = np.ones(nodes.size, dtype=bool)
    for operator, limit in value.items():
        if (operator == "$regex") is not is_text:
            kind = "text" if is_text else "numbers"
            raise NodeSetError(f"{where}: {operator} does not fit a property of {kind} (population {nodes.name!r}).")
        result &= _matches(column, limit, where) if is_text else _COMPARISONS[operator](column, limit)
    return result


def _equals(column: np.ndarray | pd.Categorical, is_text: bool, values: list[Any], where: str) -> np.ndarray:
    fitting = str if is_text else int | float
    for value in values:
        if not isinstance(value, fitting):
            kind = "text" if is_text else "numbers"
            raise NodeSetError(f"{where}: {value!r} does not fit a property of {kind}. Write it as one of its values.")
    if is_text:
        wanted = np.append(np.isin(np.asarray(column.categories, dtype=object), values), False)
        return wanted[column.codes]
    return np.isin(column, np.asarray(values)) if values else np.zeros(len(column), dtype=bool)


def _matches(column: pd.Categorical, pattern: str, where: str) -> np.ndarray:
    longest = max((len(str(each)) for each in column.categories), default=0)
    if is_slow(pattern, longest):
        raise NodeSetError(
            f"{where}: $regex {pattern[:200]!r} may take too long on texts of {longest} characters. Put no repeat (*, +, {{}}, |) "
            "into another one, and use fewer of them."
        )
    found = [re.search(pattern, str(each)) is not None for each in column.categories]
    return np.asarray([*found, False])[column.codes]
