"""A measure of a connectome beside the same measure of random ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import ConntapError, OptionError, whole
from conntap.seeds import stream
from conntap.store.drawn import flat
from conntap.store.statistics import COLUMNS, discovery_rates, statistics
from conntap.topology.threads import mapped

__all__ = ["compare", "flat"]

Measure = Callable[[Connectome], Any]
Null = Callable[..., Connectome]
Progress = Callable[[int, int], None]


def compare(
    connectome: Connectome,
    *,
    measure: Measure | Mapping[str, Measure],
    null: Null | Mapping[str, Null],
    draws: int = 100,
    rng: np.random.Generator,
    fill_value: float | Literal["counts"] | None = "counts",
    threads: int = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Measure a connectome and draws of a null model, and say how far apart they are.

    Parameters
    ----------
    connectome
        What is measured.
    measure
        A function of a connectome that gives a number, a series or a table of numbers; or several by name.
    null
        A function (connectome, rng=...) that gives a random connectome, such as those of `conntap.manipulate`; or
        several by name. One of more options is bound with `functools.partial`.
    draws
        Random connectomes of each null model.
    rng
        The source of randomness. Draw number n is the same whatever the number of draws, of measures, and of threads.
    fill_value
        What an entry counts for in a draw, or in the original, that lacks it; None leaves such draws out. Default: 0
        for whole numbers (a dimension in which there is no simplex, say), None for others (a density where there are
        no nodes).
    threads
        Draws made and measured at a time.
    progress
        Called with the draws done and the draws in all, after each.

    Returns
    -------
    One row an entry of the measure: `value` (of the connectome), `mean` and `sd` of the draws, `z`, `ratio` = value /
    mean, the empirical `p_upper`, `p_lower` and two-sided `p`, `q` (false discovery rate over all rows but those that the null
    model cannot change), `draws` and
    `p_floor`, all as `conntap.store.Dataset.against` defines them. The index holds `null` and `measure` where these
    are mappings, then the entry's own index and a
    table's columns; "entry" for plain numbers, and for all where the measures have different indices.

    Raises
    ------
    OptionError
        `draws` or `threads` is less than 1, there is no measure or no null model, or a measure gives something other
        than numbers.

    Notes
    -----
    One draw a thread exists at a time; each is measured by every measure. Phipson and Smyth, 2010,
    doi:10.2202/1544-6115.1585; Benjamini and Hochberg, 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> from conntap.analyze import simplex_counts
    >>> from conntap.manipulate import erdos_renyi
    >>> order = Connectome(8, *np.triu_indices(8, 1))
    >>> table = compare(order, measure=simplex_counts, null=erdos_renyi, draws=19, rng=np.random.default_rng(1))
    >>> table.loc[2, ["value", "p_upper", "draws"]].tolist()
    [56.0, 0.05, 19.0]
    """
    whole("compare.draws", draws, 1)
    whole("compare.threads", threads, 1)
    if not hasattr(rng, "bytes"):
        raise OptionError(f"compare.rng: {rng!r} draws no numbers. Give numpy.random.default_rng(SEED).")
    measures, nulls = _named(measure, "measure"), _named(null, "null")
    original = {name: _numbers(function(connectome), name) for name, function in measures.items()}
    seed = int.from_bytes(rng.bytes(16), "little")
    tables = []
    for number, (name, model) in enumerate(nulls.items()):
        values = _drawn(connectome, measures, model, [(seed, "draw", name, draw) for draw in range(draws)], threads)
        told = _told(values, number * draws, len(nulls) * draws, progress)
        tables.append(_against(original, list(told), fill_value))
    return _stacked(tables, list(nulls) if isinstance(null, Mapping) else None, isinstance(measure, Mapping))


def _named(given: Any, what: str) -> Mapping[str, Callable[..., Any]]:
    named = dict(given) if isinstance(given, Mapping) else {"": given}
    if not named:
        raise OptionError(f"compare.{what}: none. Give a function, or several by name.")
    for name, each in named.items():
        if not isinstance(name, str) or not callable(each):
            raise OptionError(f"compare.{what}: {each!r} is no function. Give one, or several by name.")
    return named


def _drawn(
    connectome: Connectome, measures: Mapping[str, Measure], model: Null, keys: list[tuple[Any, ...]], threads: int
) -> Iterator[dict[str, pd.Series]]:
    """The measures of one random connectome a key."""

    def measured(key: tuple[Any, ...]) -> dict[str, pd.Series]:
        try:
            random = model(connectome, rng=stream(*key))
            if not isinstance(random, Connectome):
                kind = type(random).__name__
                raise OptionError(f"the null model gives a {kind}, no connectome. Give one of conntap.manipulate.")
            return {name: _numbers(function(random), name) for name, function in measures.items()}
        except Exception as error:
            *_, null, draw = key
            where = f"compare: draw {draw}{f' of {null}' if null else ''}"
            if isinstance(error, ConntapError):
                raise OptionError(f"{where}: {error}") from error
            error.add_note(f"{where} failed so.")
            raise

    return mapped(measured, keys, threads)


def _told(values: Iterator[Any], done: int, total: int, progress: Progress | None) -> Iterator[Any]:
    for value in values:
        done += 1
        if progress is not None:
            progress(done, total)
        yield value


def _numbers(value: Any, name: str) -> pd.Series:
    """A measured value as one series of floats, its index named, and whether they are whole by kind."""
    wholly = False
    if isinstance(value, pd.DataFrame):
        wholly = all(each.dtype.kind in "iub" for _, each in value.select_dtypes(["number", "bool"]).items())
        value = flat(value.select_dtypes(["number", "bool"]))
    elif isinstance(value, pd.Series):
        value = value.rename_axis([each or "entry" for each in value.index.names])
    elif isinstance(value, int | float | np.number | np.bool_):
        value = pd.Series([value], index=pd.Index([name or "value"], name="entry"))
    else:
        value = pd.Series([None])
    if not pd.api.types.is_numeric_dtype(value) or value.dtype.kind == "c":
        raise OptionError(
            f"compare.measure: {name or 'it'} gives no numbers. Give a function of a connectome whose value is a "
            "number, a series or a table of numbers."
        )
    if not value.index.is_unique:
        raise OptionError(f"compare.measure: {name or 'it'} gives several numbers of one name. Make its index unique.")
    whole_numbers = wholly or value.dtype.kind in "iub"
    value = value.astype(float)
    value.attrs["whole"] = whole_numbers
    return value


def _against(
    original: Mapping[str, pd.Series], values: list[dict[str, pd.Series]], fill_value: float | str | None
) -> dict[str, pd.DataFrame]:
    return {name: _contrasted(first, [each[name] for each in values], fill_value) for name, first in original.items()}


def _filled(original: pd.Series, draws: list[pd.Series], fill_value: float | str | None) -> float | None:
    if fill_value != "counts":
        return fill_value  # type: ignore[return-value]
    return 0.0 if all(each.attrs["whole"] for each in (original, *draws)) else None


def _contrasted(original: pd.Series, draws: list[pd.Series], fill_value: float | str | None) -> pd.DataFrame:
    fill_value = _filled(original, draws, fill_value)
    index = original.index
    for draw in draws:
        if not draw.index.isin(index).all():
            index = index.append(draw.index.difference(index, sort=False))
    fill = np.nan if fill_value is None else fill_value
    value = original.reindex(index, fill_value=fill).to_numpy()
    places = np.concatenate([index.get_indexer(draw.index) for draw in draws])
    numbers = np.concatenate([draw.to_numpy() for draw in draws])
    given = np.bincount(places, minlength=len(index))
    held = ~np.isnan(numbers)
    absent = len(draws) - given if fill_value is not None else np.zeros(len(index), dtype=int)
    table = statistics(value, places[held], numbers[held], absent, 0.0 if fill_value is None else fill_value)
    return table.set_index(index)


def _stacked(tables: list[dict[str, pd.DataFrame]], nulls: list[str] | None, several: bool) -> pd.DataFrame:
    """All tables as one, with the levels that tell its parts apart, and the false discovery rate over all of it."""
    names = [name for table in tables for name in table]
    parts = [part for table in tables for part in table.values()]
    if len({tuple(part.index.names) for part in parts}) > 1:
        parts = [part.set_axis(pd.Index(map(_label, part.index), name="entry", dtype="str")) for part in parts]
    if several:
        parts = [pd.concat({name: part}, names=["measure"]) for name, part in zip(names, parts, strict=True)]
    if nulls is not None:
        of = [null for null, table in zip(nulls, tables, strict=True) for _ in table]
        parts = [pd.concat({null: part}, names=["null"]) for null, part in zip(of, parts, strict=True)]
    result = pd.concat(parts)
    result["q"] = discovery_rates(result)
    return result[COLUMNS]


def _label(entry: Any) -> str:
    return ", ".join(map(str, entry)) if isinstance(entry, tuple) else str(entry)
