"""Regular expressions from files: how long a search may take, judged before it runs.

Python's search goes back and tries again; a pattern such as `^(a+)+$` doubles its time with every letter. So the ways in
which a pattern can share out a text are counted first, and one with too many is refused.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["is_slow", "ways"]

_MOST = 10**9
_PARSER: Any = re._parser  # type: ignore[attr-defined]


def is_slow(pattern: str, longest: int) -> bool:
    """Whether searching a text of so many characters may take more than some 10^9 steps.

    Examples
    --------
    >>> is_slow("^L[1-6]_.*PC.*$", 60), is_slow("^(a+)+$", 40)
    (False, True)
    """
    return ways(pattern, longest) * (longest + 1) > _MOST


def ways(pattern: str, longest: int) -> int:
    """At most in how many ways a pattern can be laid over a text, from one start; large numbers are cut off.

    Parameters
    ----------
    pattern
        A regular expression that compiles.
    longest
        Characters in the text.

    Examples
    --------
    >>> ways("a*b", 9), ways("PC|BC|MC", 9), ways("a?a?", 9)
    (10, 3, 4)
    """
    return _of_all(_PARSER.parse(pattern), longest)


def _of_all(parts: Any, longest: int) -> int:
    product = 1
    for kind, argument in parts:
        product = min(product * _of_one(str(kind), argument, longest), _MOST**2)
    return product


def _of_one(kind: str, argument: Any, longest: int) -> int:
    if kind.endswith("REPEAT"):
        least, most, inner = argument
        most = min(int(most), max(longest, int(least)))
        each = _of_all(inner, longest)
        if each == 1:
            return most - int(least) + 1
        return _MOST**2 if most > 60 else min(each**most * (most - int(least) + 1), _MOST**2)
    if kind == "BRANCH":
        return sum(_of_all(each, longest) for each in argument[1])
    inner = argument if isinstance(argument, tuple) else (argument,)
    product = 1
    for each in inner:
        if isinstance(each, _PARSER.SubPattern):
            product *= _of_all(each, longest)
    return product
