"""Conditions on case columns, written as text: parsed here and evaluated here, so that text can do nothing else."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from conntap.errors import ConntapError, StoreError, known, unknown

__all__ = ["check_readable", "meets", "names_in"]

_LONGEST = 100_000
_WORDS = re.compile(r"""('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|`([^`]*)`|([&|])""")
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_ALLOWED = (
    "Allowed: names of {} (those with blanks in `backticks`), numbers, text, True, False, None, lists of these, "
    "+ - * / // %, comparisons, in, not in, and, or, not, & | ~."
)


def meets(
    cases: pd.DataFrame,
    query: str,
    where: str,
    *,
    what: str = "case column",
    error: type[ConntapError] = StoreError,
) -> np.ndarray:
    """Which cases meet a condition; where a value is missing, a comparison with it is not met.

    Parameters
    ----------
    cases
        One row a case.
    query
        Comparisons (chained too) of case columns, numbers, text and lists, joined by and, or, not (or &, |, ~, which
        bind as these do, as in `DataFrame.query`). A column compared with a list by == or `in` has one of its values;
        `== None` is missing. Calls, attributes, indices and everything else are refused.
    where
        What the cases belong to, for errors.
    what, error
        What a column is called in errors, and their class; nodes are asked for by their properties, say.

    Returns
    -------
    bool, shape (cases,).

    Raises
    ------
    StoreError, or `error`
        An unknown column, types that cannot be compared, or anything that is not allowed.

    Examples
    --------
    >>> meets(pd.DataFrame({"draw": [0, 1, 2], "control": ["a", "b", "a"]}), "0 < draw and control in ['a']", "counts")
    array([False, False,  True])
    """
    where = _placed(where, query)
    if not isinstance(query, str) or not query.strip() or len(query) > _LONGEST:
        raise error(f"{where}: no condition; {_plural(what)}: {known(cases.columns)}. {_allowed(what)}")
    try:
        found = _Query(cases, query, where, what, error).result()
    except (TypeError, ValueError, ArithmeticError, RecursionError, MemoryError) as problem:
        why = str(problem).split("\n")[0] or "nested too deeply"
        raise error(
            f"{where}: cannot be evaluated ({why}); {_plural(what)}: {known(cases.columns)}. Compare a column with values of its kind."
        ) from None
    return found.fillna(False).to_numpy(dtype=bool)


def check_readable(
    query: str, where: str, *, what: str = "case column", error: type[ConntapError] = StoreError
) -> None:
    """Refuse what is no condition of any table: mistakes of syntax, and what is not allowed.

    Raises
    ------
    StoreError, or `error`
        It cannot be read as `meets` reads it.

    Examples
    --------
    >>> check_readable("y < 3 and layer in [2, 3]", "deep")
    >>> check_readable("1 < 2", "deep")
    Traceback (most recent call last):
    conntap.errors.StoreError: deep: query '1 < 2': a comparison without a column. Name one.
    """
    where = _placed(where, query)
    if not isinstance(query, str) or not query.strip() or len(query) > _LONGEST:
        raise error(f"{where}: no condition. {_allowed(what)}")
    try:
        read = _Query(None, query, where, what, error)
        with suppress(TypeError, ValueError, ArithmeticError):  # of what kind the columns are is not known here
            read.result()
    except (ValueError, RecursionError, MemoryError) as problem:
        why = str(problem).split("\n")[0] or "nested too deeply"
        raise error(f"{where}: cannot be evaluated ({why}). {_allowed(what)}") from None


def names_in(query: str) -> list[str]:
    """The columns that a readable condition names, each once.

    Examples
    --------
    >>> names_in("0 < y and `soma depth` in [y, 3]")
    ['y', 'soma depth']
    """
    return _Query(None, query, "", "", StoreError).names()


def _placed(where: str, query: Any) -> str:
    return f"{where}: query {query!r}" if len(str(query)) < 200 else f"{where}: query of {len(query)} characters"


def _plural(what: str) -> str:
    return f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"


def _allowed(what: str) -> str:
    return _ALLOWED.format(_plural(what))


class _Query:
    """One query on its way from text to a condition; without cases it is only read."""

    def __init__(
        self, cases: pd.DataFrame | None, query: str, where: str, what: str, error: type[ConntapError]
    ) -> None:
        self._cases, self._where, self._what, self._error = cases, where, what, error
        self._there = "" if cases is None else f"; {_plural(what)}: {known(cases.columns)}"
        self._named: dict[str, str] = {}
        self._mark = "column_"
        while self._mark in query:
            self._mark += "_"
        text = _WORDS.sub(self._plain, query).strip()
        try:
            self._tree = ast.parse(text, mode="eval").body
        except SyntaxError as problem:
            raise error(f"{where}: cannot be evaluated ({problem.msg}){self._there}. {_allowed(what)}") from None

    def result(self) -> pd.Series:
        return self._condition(self._tree)

    def names(self) -> list[str]:
        found = [each.id for each in ast.walk(self._tree) if isinstance(each, ast.Name)]
        return list(dict.fromkeys(self._named.get(name, name) for name in found))

    def _plain(self, match: re.Match[str]) -> str:
        text, column, sign = match.groups()
        if text is not None:
            return text
        if sign is not None:
            return " and " if sign == "&" else " or "
        stand_in = f"{self._mark}{len(self._named)}"
        self._named[stand_in] = column
        return f" {stand_in} "

    def _condition(self, node: ast.expr) -> pd.Series:
        match node:
            case ast.BoolOp(op=op, values=parts):
                found = [self._condition(each) for each in parts]
                join = operator.and_ if isinstance(op, ast.And) else operator.or_
                for each in found[1:]:
                    found[0] = join(found[0], each)
                return found[0]
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return ~self._condition(operand)
            case ast.Compare():
                return self._comparison(node)
        value = self._value(node)
        if not isinstance(value, pd.Series) or not pd.api.types.is_bool_dtype(value):
            raise self._error(
                f"{self._where}: {self._said(node)} is no condition{self._there}. Write "
                f"one such as \"{self._example()} == 'value'\"."
            )
        return value

    def _comparison(self, node: ast.Compare) -> pd.Series:
        values = [self._value(each) for each in (node.left, *node.comparators)]
        result: pd.Series | None = None
        for sign, left, right in zip(node.ops, values, values[1:]):
            found = self._compared(sign, left, right)
            result = found if result is None else result & found
        if result is None:
            raise self._refused("a comparison of nothing")
        return result

    def _compared(self, sign: ast.cmpop, left: Any, right: Any) -> pd.Series:
        if not isinstance(left, pd.Series) and not isinstance(right, pd.Series):
            raise self._error(f"{self._where}: a comparison without a column{self._there}. Name one.")
        among = isinstance(sign, ast.In | ast.NotIn)
        if among and not isinstance(right, list):
            raise self._refused("'in' something other than a list")
        if isinstance(right, list) or right is None:
            right, kinds = [right] if right is None else right, (ast.In, ast.NotIn, ast.Eq, ast.NotEq)
            if not isinstance(sign, kinds) or not isinstance(left, pd.Series):
                raise self._refused("an ordering of lists or of None")
            for each in right:
                _check_kinds(left, each)
            found = left.isin([each for each in right if each is not None])
            if None in right:
                found |= left.isna()
            return found if isinstance(sign, ast.In | ast.Eq) else ~found
        if isinstance(left, list) or left is None:
            return self._compared(sign, right, left)
        if type(sign) not in _COMPARISONS:
            raise self._refused("'is'")
        _check_kinds(left, right)
        return _COMPARISONS[type(sign)](left, right)

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return value
            case ast.Name(id=name):
                return self._column(self._named.get(name, name))
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                values = [self._value(each) for each in parts]
                if any(isinstance(each, list | pd.Series) for each in values):
                    raise self._refused("a list of other things than numbers and text")
                return values
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                value = self._number(operand)
                return -value if isinstance(op, ast.USub) else value
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _ARITHMETIC:
                return _ARITHMETIC[type(op)](self._number(left), self._number(right))
            case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not() | ast.Invert()):
                return self._condition(node)
        raise self._refused(self._said(node))

    def _number(self, node: ast.expr) -> Any:
        value = self._value(node)
        if isinstance(value, pd.Series) and pd.api.types.is_numeric_dtype(value):
            return value
        if isinstance(value, int | float):
            return value
        raise self._refused(f"arithmetic on {self._said(node)}")

    def _column(self, name: str) -> pd.Series:
        if self._cases is None:
            return pd.Series([], dtype=bool)
        if name not in self._cases:
            raise self._error(unknown(self._where, self._what, name, self._cases.columns))
        return self._cases[name]

    def _example(self) -> str:
        named = [] if self._cases is None else [each for each in self._cases if str(each).isidentifier()]
        return str(named[0]) if named else "draw" if self._what == "case column" else "layer"

    def _said(self, node: ast.expr) -> str:
        text = ast.unparse(node)
        for stand_in, name in self._named.items():
            text = text.replace(stand_in, f"`{name}`")
        return text if len(text) < 100 else f"{text[:100]}..."

    def _refused(self, what: str) -> ConntapError:
        return self._error(f"{self._where}: {what} is not allowed{self._there}. {_allowed(self._what)}")


def _check_kinds(left: Any, right: Any) -> None:
    """Refuse to compare text with numbers, of which none are equal."""
    if {_kind(left), _kind(right)} == {"numbers", "text"}:
        raise TypeError("text is compared with numbers")


def _kind(value: Any) -> str:
    if not isinstance(value, pd.Series):
        return "text" if isinstance(value, str) else "numbers" if isinstance(value, int | float) else "others"
    dtype = value.dtype.categories.dtype if isinstance(value.dtype, pd.CategoricalDtype) else value.dtype
    if isinstance(dtype, pd.StringDtype):
        return "text"
    return "numbers" if pd.api.types.is_numeric_dtype(dtype) and len(value) else "others"
