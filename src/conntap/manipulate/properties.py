"""Properties of synapses changed: set, scaled, shifted, shuffled, or drawn."""

from __future__ import annotations

import logging
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.selection import Selection
from conntap.errors import OptionError, known, one_of, unknown
from conntap.manipulate.choosing import amount, edges_where, selected_edges
from conntap.manipulate.distributions import drawn_from
from conntap.manipulate.draws import chosen as drawn_of

__all__ = ["alter_property"]

_log = logging.getLogger(__name__)
_EXACT = 2.0**53  # up to here a float of 64 bits holds every whole number
_MODES = ("set", "scale", "offset", "shuffle", "random", "random_scale", "random_offset")


def alter_property(
    connectome: Connectome,
    *,
    property: str,
    how: Literal["set", "scale", "offset", "shuffle", "random", "random_scale", "random_offset"],
    value: float | str | dict[str, Any] | None = None,
    where: str | dict[str, Any] | None = None,
    clip: tuple[float | None, float | None] | None = None,
    pre: Selection | None = None,
    post: Selection | None = None,
    mask: Mask | None = None,
    rng: np.random.Generator,
) -> Connectome:
    """Change one property of the synapses selected.

    The property keeps its type: whole numbers are rounded to the nearest, beyond 2^53 too, and what does not fit is an
    error. Synapses that are not selected keep their values bit for bit; so do all other properties, edges and nodes.

    Parameters
    ----------
    connectome
        Any connectome.
    property
        The name of the edge property. Of text and of booleans, values can be set, drawn from discrete ones, and shuffled.
    how
        "set", "scale", "offset": to `value`, by that factor, by that addend. "random", "random_scale", "random_offset":
        the same with a number drawn from the distribution `value` for each synapse. "shuffle": the values of all synapses
        selected change places at random.
    value
        The number or text; or the distribution, `{kind: normal, mean: 1, std: 0.2}`. Kinds: constant, discrete (values,
        weights), gamma, lognormal, normal (mean, std), poisson (mean), truncated_normal (mean, std, low, high), uniform
        (low, high), zero_truncated_poisson (rate).
    where
        Only synapses that meet this expression over edge properties and `pre_NAME` and `post_NAME` of nodes. For some of
        them, drawn evenly: `{fraction: 0.1}` or `{synapses: 50}`, with `expression` besides where there is one.
    clip
        The least and the most that a changed value may become; None for no bound.
    pre, post, mask
        Only synapses of connections from these nodes, to these nodes, in this mask; None for all.
    rng
        The source of randomness; equal states give equal results. What is drawn is drawn in the order of the edges.

    Returns
    -------
    A connectome of the same nodes and edges.

    Raises
    ------
    OptionError
        An unknown property or distribution, a value that does not fit, results beyond the property's type, or a selection
        that does not fit.

    Notes
    -----
    Linear in edges.

    Examples
    --------
    >>> connectome = Connectome(2, [0, 1, 0], [1, 0, 1], properties={"delay": [1.0, 2.0, 3.0]})
    >>> options = {"property": "delay", "how": "scale", "value": 10, "where": "delay > 1", "clip": (None, 25)}
    >>> alter_property(connectome, **options, rng=np.random.default_rng(0)).properties["delay"].tolist()
    [1.0, 20.0, 25.0]
    """
    step = "alter_property"
    one_of(f"{step}.how", how, _MODES)
    if property not in connectome.properties:
        raise OptionError(unknown(f"{step}.property", "edge property", property, connectome.properties))
    _check_value(how, value, step)
    condition, *wanted = parted(where, step)
    rows = _rows(connectome, condition, pre, post, mask)
    if isinstance(where, dict):
        rows = rows[drawn_of(len(rows), amount(f"{step}.where", *wanted, len(rows), "synapses"), rng)]
    column = connectome.properties[property]
    _log.info("%s: %s of %d of %d synapses.", step, property, len(rows), connectome.n_edges)
    if how == "shuffle":
        changed = column[rows][rng.permutation(len(rows))]
    elif isinstance(column, pd.Categorical) or column.dtype.kind not in "iuf":
        changed = _named(column, how, value, len(rows), rng, step)
    else:
        changed = _numbers(column[rows], how, value, rng, step)
    if clip is not None:
        changed = _clipped(changed, clip, f"{step}.clip")
    return connectome.with_edges(
        connectome.pre,
        connectome.post,
        properties={**connectome.properties, property: _replaced(column, rows, changed, step)},
    )


def _rows(connectome: Connectome, where: str | None, pre: Any, post: Any, mask: Mask | None) -> np.ndarray:
    keep = selected_edges(connectome, "alter_property", pre=pre, post=post, mask=mask)
    if where is not None:
        meeting = edges_where(connectome, where, "alter_property.where")
        keep = meeting if keep is None else keep & meeting
    return np.arange(connectome.n_edges) if keep is None else np.flatnonzero(keep)


def parted(where: Any, step: str) -> tuple[Any, Any, Any]:
    """An expression, and how many or which fraction of what meets it; None and None for all.

    >>> parted({"expression": "w > 1", "fraction": 0.5}, "example")
    ('w > 1', None, 0.5)
    """
    if not isinstance(where, dict):
        return where, None, None
    names = ("expression", "synapses", "fraction")
    for name in where:
        if name not in names:
            raise OptionError(unknown(f"{step}.where", "entry", name, names))
    expression, *wanted = (where.get(name) for name in names)
    amount(f"{step}.where", wanted[0] and 0, wanted[1], 0, "synapses")  # says what is wrong before the work
    return expression, *wanted


def _check_value(how: str, value: Any, step: str) -> None:
    if how == "shuffle":
        if value is not None:
            raise OptionError(f"{step}.value: {value!r}; shuffle takes none. Leave it out.")
    elif how.startswith("random") != isinstance(value, dict):
        wanted = "a distribution, such as {kind: normal, mean: 1, std: 0.2}" if how.startswith("random") else "a value"
        raise OptionError(f"{step}.value: {value!r}; {how} takes {wanted}.")
    elif value is None:
        raise OptionError(f"{step}.value: none given; {how} takes a value.")


def _numbers(values: np.ndarray, how: str, value: Any, rng: np.random.Generator, step: str) -> np.ndarray:
    """The new values, of any type of numbers."""
    if how.startswith("random"):
        value = drawn_from(value, len(values), rng, f"{step}.value")
        if value.dtype.kind not in "iuf":
            raise OptionError(f"{step}.value: draws {value.dtype}, where numbers are wanted. Give numbers.")
    elif isinstance(value, str) or not isinstance(value, int | float | np.number) or value != value:
        raise OptionError(f"{step}.value: {value!r}; give a number.")
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        value = _as_float(value, f"{step}.value")
    if how in ("set", "random"):
        return np.full(len(values), value) if how == "set" else value
    if how == "offset" and values.dtype.kind in "iu" and float(value).is_integer():
        return _added(values, int(value), step)
    return combined(values, value, how, step)


def combined(values: np.ndarray, other: Any, how: str, step: str) -> np.ndarray:
    """Numbers scaled or shifted by one or by as many others: floats of 64 bits, wider ones where whole numbers need it.

    >>> combined(np.array([2**60 + 2]), 0.5, "scale", "example").astype(np.int64).tolist() == [2**59 + 1]
    True
    """
    with np.errstate(over="ignore", invalid="ignore"):  # which is told where it is put into the column
        apply = np.multiply if how.endswith("scale") else np.add
        result = apply(values, np.asarray(other, dtype=np.float64))
        if values.dtype.kind == "f" or values.dtype.itemsize < 8:
            return result
        is_wide = (np.maximum(np.abs(result), np.abs(values.astype(np.float64))) > _EXACT) & (np.abs(result) < 2.0**65)
        if not is_wide.any():
            return result
        if np.finfo(np.longdouble).nmant < 63:
            raise OptionError(
                f"{step}.value: {int(is_wide.sum())} values beyond 2**53, which this machine cannot compute exactly. Make "
                "the property one of floats."
            )
        result = result.astype(np.longdouble)
        others = np.broadcast_to(np.asarray(other, dtype=np.longdouble), values.shape)
        result[is_wide] = apply(values[is_wide].astype(np.longdouble), others[is_wide])
        return result


def _as_float(value: int, where: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise OptionError(f"{where}: exceeds all types of numbers. Give a smaller one.") from None


def _added(values: np.ndarray, addend: int, step: str) -> np.ndarray:
    """Whole numbers plus one, exactly."""
    limits = np.iinfo(values.dtype)
    if len(values) and not (limits.min <= int(values.min()) + addend and int(values.max()) + addend <= limits.max):
        raise OptionError(
            f"{step}.value: {addend} makes values exceed {values.dtype}. Give less, or make it a wider type."
        )
    if limits.min <= addend <= limits.max:
        return values + values.dtype.type(addend)
    return values - values.dtype.type(-addend) if -addend <= limits.max else values


def _named(column: Any, how: str, value: Any, n: int, rng: np.random.Generator, step: str) -> Any:
    """Values of text or booleans."""
    if how not in ("set", "random"):
        raise OptionError(f"{step}.how: {how} is for numbers; of {column.dtype} values can be set, drawn or shuffled.")
    given = [value] if how == "set" else dict(value).get("values", [])
    if not isinstance(given, list | tuple | np.ndarray):
        raise OptionError(f"{step}.value.values: {given!r}; give a list of at least one.")
    given = list(given)
    known_values = list(column.categories) if isinstance(column, pd.Categorical) else [False, True]
    for each in given:
        if each not in known_values:
            raise OptionError(
                f"{step}.value: {each!r} is none of its values; known: {known(known_values)}. Give one of them."
            )
    drawn = np.zeros(n, dtype=np.int64)
    if how == "random":
        places = {**value, "values": list(range(len(given)))}
        drawn = drawn_from(places, n, rng, f"{step}.value").astype(np.int64)
    if isinstance(column, pd.Categorical):
        return pd.Categorical.from_codes(column.categories.get_indexer(given)[drawn], dtype=column.dtype)
    return np.array(given, dtype=bool)[drawn]


def _clipped(values: Any, clip: Any, where: str) -> np.ndarray:
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuf":
        raise OptionError(f"{where}: only numbers have bounds. Leave it out.")
    if not isinstance(clip, tuple | list) or len(clip) != 2:
        raise OptionError(f"{where}: {clip!r}; give the least and the most, such as [0, 1].")
    if not all(each is None or isinstance(each, int | float | np.number) for each in clip):
        raise OptionError(f"{where}: {clip!r}; give numbers, or None for no bound.")
    low, high = (other if each is None else each for each, other in zip(clip, (-np.inf, np.inf), strict=True))
    if not low <= high:
        raise OptionError(f"{where}: {low} and {high}; give the least first.")
    if values.dtype.kind == "f":
        return np.clip(values, low, high)
    for bound, beyond in ((np.ceil(low), values < low), (np.floor(high), values > high)):
        if beyond.any():
            fits = np.iinfo(values.dtype).min <= bound <= np.iinfo(values.dtype).max
            values = np.where(beyond, values.dtype.type(int(bound)) if fits else bound, values)
    return values


def _replaced(column: Any, rows: np.ndarray, changed: Any, step: str) -> Any:
    """The column with other values in some rows, of the same type."""
    if isinstance(column, pd.Categorical):
        codes = column.codes.copy()
        codes[rows] = changed.codes
        return pd.Categorical.from_codes(codes, dtype=column.dtype, validate=False)
    result = column.copy()
    if column.dtype.kind in "iu" and changed.dtype != column.dtype:
        changed = _rounded(changed, column.dtype, step)
    with np.errstate(over="ignore"):
        result[rows] = changed
    if column.dtype.kind == "f":
        lost = int((np.isinf(result[rows]) & ~np.isinf(column[rows])).sum())
        if lost:
            raise OptionError(f"{step}.value: {lost} values exceed {column.dtype}. Give less, or bounds by clip.")
    return result


def _rounded(values: np.ndarray, dtype: np.dtype, step: str) -> np.ndarray:
    limits = np.iinfo(dtype)
    whole = values if values.dtype.kind in "iu" else np.rint(values)
    fits = (whole >= limits.min) & (
        (whole <= limits.max) if whole.dtype.kind in "iu" else (whole < float(limits.max) + 1)
    )
    if not fits.all():
        raise OptionError(
            f"{step}.value: {int((~fits).sum())} values do not fit {dtype}. Give others, or bounds by clip."
        )
    return whole.astype(dtype)
