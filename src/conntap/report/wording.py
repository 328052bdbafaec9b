"""Values as words: numbers that line up, names that fit, options on a line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from conntap.report.drawing import label, tick

__all__ = ["column", "counted", "first_line", "listed", "number", "pairs", "plain", "short", "took", "whole"]


def number(value: Any, digits: int = 4) -> str:
    """A number to read: four significant digits, whole numbers whole, nothing for NaN.

    Examples
    --------
    >>> [number(v) for v in (1234567, 0.0312345, 12.5, float("nan"), -2e-9, True)]
    ['1,234,567', '0.03123', '12.5', '–', '−2×10⁻⁹', 'yes']
    """
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}".replace("-", "−") if abs(int(value)) < 10**15 else _power(float(f"{value:.3e}"), digits)
    if value is None or value is pd.NA or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e7:
        return _power(value, digits)
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return _cut(f"{value:,.{places}f}").replace("-", "−")


def _power(value: float, digits: int) -> str:
    return tick(float(f"{value:.{digits}g}"))


def _cut(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def column(values: pd.Series) -> list[str]:
    """A column of a table as text; floats of like size get as many decimals each, so that they line up.

    Floats that span more than a hundredfold keep four digits each, within two decimals more than the largest
    needs; those that would vanish keep two digits.

    Examples
    --------
    >>> column(pd.Series([1.0, 12.34, 3.5])), column(pd.Series([0.971, 3.43, 140.0]))
    (['1.0', '12.3', '3.5'], ['0.97', '3.43', '140.0'])
    >>> column(pd.Series([2.6e-5, 0.99, 31.0]))
    ['2.6×10⁻⁵', '0.990', '31.00']
    >>> column(pd.Series(["a", None]))
    ['a', '–']
    """
    if values.dtype.kind != "f":
        return [plain(value) for value in values.tolist()]
    sizes = np.abs(values.to_numpy(dtype=float))
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    if len(sizes) == 0 or sizes.max() >= 1e7 or (sizes.max() > 1e4 * sizes.min() and sizes.max() < 0.01):
        return [number(value) for value in values.tolist()]
    if np.array_equal(sizes, np.round(sizes)):
        return [number(int(value)) if np.isfinite(value) else number(value) for value in values.tolist()]
    enough = max(0, 2 - math.floor(math.log10(float(sizes.max()))))
    if sizes.max() <= 100 * sizes.min():
        places = [_places(sizes, enough)] * len(values)
    else:
        places = [_own_places(value, enough + 2) for value in values.tolist()]
    return [_fixed(value, each) for value, each in zip(values.tolist(), places)]


def _places(sizes: np.ndarray, enough: int) -> int:
    """Decimals for a column: enough for the largest, one more for the least, none that are all zero."""
    least = math.floor(math.log10(float(sizes.min())))
    places = min(12, max(enough, min(1 - least, enough + 1)))
    while places and np.allclose(np.round(sizes, places - 1), sizes, rtol=0, atol=10.0 ** -(places + 2)):
        places -= 1
    return places


def _own_places(value: float, most: int) -> int:
    if not math.isfinite(value) or value == 0:
        return min(most, 2)
    return max(0, min(most, 3 - math.floor(math.log10(abs(value)))))


def _fixed(value: float, places: int) -> str:
    if value == 0:
        return "0"
    if not math.isfinite(value) or abs(value) < 10.0**-places:  # so few decimals would show it as zero
        return number(value, 2)
    return f"{value:,.{places}f}".replace("-", "−")


def plain(value: Any) -> str:
    """A cell of a table as text: numbers by `number`, text as it is but short, the rest as a summary."""
    if isinstance(value, str):
        return label(value, 60) or "(empty)"
    if value is None or value is pd.NA or value is pd.NaT:
        return "–"
    if isinstance(value, bool | int | float | np.number | np.bool_) and not isinstance(value, np.complexfloating):
        return number(value)
    return short(value)


def short(value: Any, most: int = 80) -> str:
    """Any value in a few words; never fails.

    Examples
    --------
    >>> short(np.zeros((3, 4))), short({"a": 1}), short([1, 2])
    ('array of 3 × 4 (float64)', '{"a": 1}', '[1, 2]')
    """
    if isinstance(value, np.ndarray):
        return f"array of {' × '.join(map(str, value.shape)) or 'one value'} ({value.dtype})"
    if isinstance(value, pd.DataFrame | pd.Series):
        return f"{type(value).__name__} of {' × '.join(map(str, value.shape))}"
    if isinstance(value, str):
        return label(value, most)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = _shown(value)
    return label(text, most)


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # a repr of a foreign class may do anything; the page is still written
        return type(value).__name__


def first_line(text: Any, most: int = 240) -> str:
    """The first line of a text that is not empty.

    Examples
    --------
    >>> first_line("\\n  MemoryError: no room\\nmore")
    'MemoryError: no room'
    """
    lines = [line.strip() for line in str(text or "").splitlines() if line.strip()]
    return label(lines[0], most) if lines else ""


def whole(value: Any) -> int | None:
    """A number of things; None for anything else.

    Examples
    --------
    >>> whole(3), whole(-1), whole("3")
    (3, None, None)
    """
    return int(value) if isinstance(value, int | np.integer) and value >= 0 else None


def counted(n: int, thing: str) -> str:
    """A number of things with the right ending.

    Examples
    --------
    >>> counted(1, "case"), counted(1200, "case")
    ('1 case', '1,200 cases')
    """
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"


def listed(values: Iterable[Any], most: int = 8) -> str:
    """Values on one line, the first few of many.

    Examples
    --------
    >>> listed(range(20), most=3)
    '0, 1, 2 … 20 in all'
    """
    values = [plain(value) for value in values]
    return ", ".join(values) if len(values) <= most else f"{', '.join(values[:most])} … {len(values):,} in all"


def pairs(options: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Options or attributes as (name, text), in their own order."""
    return [(label(name, 60), short(value, 400)) for name, value in (options or {}).items()]


def took(seconds: float) -> str:
    """A time to read: in the unit that fits.

    Examples
    --------
    >>> [took(each) for each in (0, 0.0312, 4.26, 61, 3700, 200_000)]
    ['0 s', '31 ms', '4.3 s', '1 min 1 s', '1 h 2 min', '2 d 8 h']
    """
    if 0 < seconds < 0.0995:
        return f"{1000 * seconds:.2g} ms"
    if seconds < 60:
        text = f"{seconds:.1f}" if seconds >= 0.95 else f"{seconds:.2g}"
        return f"{text.removesuffix('.0')} s" if text != "60.0" else "1 min"
    for size, name, smaller, size_of in ((86_400, "d", "h", 3600), (3600, "h", "min", 60), (60, "min", "s", 1)):
        if seconds >= size:
            whole_ones, rest = divmod(round(seconds / size_of) * size_of, size)
            return f"{whole_ones} {name}" + (f" {rest // size_of} {smaller}" if rest else "")
    return ""
