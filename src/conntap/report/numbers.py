"""Stages of numbers: scalars, series, simplices and dictionaries of numbers, with their controls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Key, Note, Sample, control_keys
from conntap.report.cases import facets, fewer, units
from conntap.report.drawing import label
from conntap.report.entries import entered, sweep_of, swept
from conntap.report.kinds import kind
from conntap.report.scored import descriptions, is_description, is_score, scores
from conntap.report.statistics import statistics
from conntap.report.tables import Table, quantiles, table
from conntap.report.wording import counted

__all__ = ["mappings", "profiles", "scalars", "series", "simplices", "texts"]

_ENTRIES = 40  # a series over more entries than this is shown as a distribution
_LINES = 24  # originals shown one by one as intervals; more as a distribution


def scalars(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are single numbers."""
    values = pd.Series([float(value) for value in sample.read()], name=sample.name)
    sweep = sweep_of(sample)
    if sweep:
        inner, wide = swept(sample, values, sweep)
        blocks: list[Block | Table] = [profiles(inner, wide, sweep, sample.name, whole=sample)]
    elif len(np.unique(units(sample.cases))) <= _LINES:
        blocks = [_intervals(sample, values)]
    else:
        blocks = [_spread(sample, values)]
    compared = statistics(sample, sweep=sweep or "")
    return [*blocks, *(compared or _value_tables(sample, values.to_frame()))]


def _intervals(sample: Sample, values: pd.Series) -> Gallery:
    labels = np.asarray(sample.labels, dtype=object)
    numbers = values.to_numpy()
    own = dict(zip(labels[sample.originals].tolist(), numbers[sample.originals].tolist()))
    drawn = {name: _by_label(labels[sample.drawn(name)], numbers[sample.drawn(name)]) for name in sample.controls}
    caption = f"{label(sample.name)}: each original as a point."
    if drawn:
        caption += " For each control the mean (tick), the standard deviation (bar) and the range of its draws (line)."
    keys = [Key("original", 0, "dot"), *control_keys(sample.controls)[1:]]
    return Gallery([(sample.name, plots.intervals(own, drawn, x_label=sample.name))], caption + sample.note, keys)


def _by_label(labels: np.ndarray, numbers: np.ndarray) -> dict[str, list[float]]:
    return {str(name): group.tolist() for name, group in pd.Series(numbers).groupby(labels, sort=False)}


def _spread(sample: Sample, values: pd.Series) -> Gallery:
    figures = []
    panels, note = fewer(facets(sample.cases, sample.columns))
    for title, rows in panels:
        inside = np.zeros(len(values), dtype=bool)
        inside[rows] = True
        groups = {"original": values[inside & sample.originals]}
        groups |= {name: values[inside & sample.drawn(name)] for name in sample.controls}
        figures.append((title or sample.name, plots.distribution(groups, x_label=sample.name, title=title)))
    caption = f"{label(sample.name)}: how {counted(len(values), 'value')} are spread."
    return Gallery(figures, caption + note + sample.note, control_keys(sample.controls, shape="line"))


def series(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are series: numbers by entry."""
    values = list(sample.read())
    if all(map(is_score, values)):
        return scores(sample)
    if not all(pd.api.types.is_numeric_dtype(value) for value in values):
        return texts(sample)
    entries = list(dict.fromkeys(entry for value in values for entry in value.index[: _ENTRIES + 1].tolist()))
    if len(entries) > _ENTRIES or any(value.index.nlevels > 1 or not value.index.is_unique for value in values):
        return _long(sample, values)
    name = next((str(v.index.name) for v in values if v.index.name is not None), "entry")
    wide, counts = entered(sample, values, entries)
    value_name = next((str(v.name) for v in values if v.name is not None), sample.name)
    gallery = profiles(sample, wide, name, value_name)
    compared = statistics(sample, fill_value=0.0 if counts else None)
    return [gallery, *compared, *_value_tables(sample, wide, f"by {label(name)}")]


def profiles(sample: Sample, wide: pd.DataFrame, x: str, y: str, *, whole: Sample | None = None) -> Gallery:
    """Values over the entries they share, a row of `wide` a case, in panels of what may stand together."""
    span = np.nanquantile(wide.to_numpy(), (0, 1)) if wide.notna().to_numpy().any() else ()
    figures, several = [], 0
    named = not all(isinstance(entry, int | float) for entry in wide.columns)
    panels, note = fewer(_panels(sample))
    for title, rows in panels:
        inside = np.zeros(len(wide), dtype=bool)
        inside[rows] = True
        own = wide[inside & sample.originals]
        drawn = {name: wide[inside & sample.drawn(name)] for name in sample.controls}
        several = max(several, len(own))
        figures.append((title or y, plots.profile(own, drawn, x_label=x, y_label=y, title=title, span=span)))
    caption = f"The values ({label(y)}) by {label(x)}. {_drawn_how(several, bool(sample.controls), named=named)}"
    own = wide[sample.originals]
    if (own.isna() & own.notna().any()).to_numpy().any():
        caption += " What a case does not have is left out: lines end there."
    return Gallery(figures, caption + note + (whole or sample).note, control_keys(sample.controls))


def _panels(sample: Sample) -> list[tuple[str, np.ndarray]]:
    """A panel a unit where there are few; together, where each would hold a single line, what may be pooled."""
    panels = facets(sample.cases, sample.columns, most=12)
    if sample.controls or any(len(rows) > 1 for _, rows in panels):
        return panels
    rest = [name for name in sample.columns if name != "repeat"]
    panels = facets(sample.cases, rest, most=12) if len(rest) < len(sample.columns) else []
    return panels if any(len(rows) > 1 for _, rows in panels) else facets(sample.cases, sample.columns, most=0)


def _drawn_how(cases: int, controls: bool, *, named: bool) -> str:
    if named and cases > 1:
        return "Small points are single cases, large ones their median." + (
            " For the controls: the median, quartiles and the 5 % to 95 % quantiles over all cases and draws."
            if controls
            else ""
        )
    if cases <= 1:
        return (
            "Bands: each control's mean ± standard deviation, and its range from least to greatest." if controls else ""
        )
    own = (
        "Thin lines are single cases, the thick one their median."
        if cases <= 12
        else f"Line: the median of up to {cases:,} cases; bands: quartiles and the 5 % to 95 % quantiles."
    )
    return own + (" For the controls: the same quantiles over all cases and draws." if controls else "")


def _long(sample: Sample, values: list[pd.Series]) -> list[Block | Table]:
    def pooled(mask: np.ndarray) -> np.ndarray:
        kept = [value.to_numpy(dtype=float, na_value=np.nan) for value, wanted in zip(values, mask) if wanted]
        return np.concatenate(kept) if kept else np.empty(0)

    parts, note = fewer(sample.parts)
    figures = []
    for title, inside in parts:
        drawn = {name: pooled(inside & sample.drawn(name)) for name in sample.controls}
        groups = {"original": pooled(inside & sample.originals)} | drawn
        figures.append((title or sample.name, plots.distribution(groups, x_label=sample.name, title=title)))
    caption = (
        f"{label(sample.name)}: all entries of {counted(len(values), 'value')} pooled{', by part' * (len(parts) > 1)}."
    )
    gallery = Gallery(figures, caption + note + sample.note, control_keys(sample.controls, shape="line"))
    rows = pd.DataFrame([_described(value) for value in values])
    return [gallery, *_value_tables(sample, rows, "summarized")]


def _described(value: pd.Series) -> dict[str, Any]:
    numbers = value.to_numpy(dtype=float, na_value=np.nan)
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) == 0:
        return {"entries": len(value), "mean": np.nan, "sd": np.nan, "least": np.nan, "greatest": np.nan}
    sd = numbers.std(ddof=1) if len(numbers) > 1 else np.nan
    return {"entries": len(value), "mean": numbers.mean(), "sd": sd, "least": numbers.min(), "greatest": numbers.max()}


def simplices(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are lists of simplices: how many there are of each dimension."""
    counts = [
        pd.Series([len(each) for each in value], pd.Index([each.shape[1] - 1 for each in value], name="dimension"))
        .groupby(level=0)
        .sum()
        .rename("simplices")
        for value in sample.read()
    ]
    inner = Sample(sample.name, sample.cases, sample.total, lambda: iter(counts), lambda *_, **__: pd.DataFrame())
    return series(inner)


def mappings(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are dictionaries: a panel for each number, others in words."""
    if all(map(is_description, sample.read())):
        return descriptions(sample)
    values = pd.DataFrame(list(sample.read()))
    numeric = [name for name in values if all(kind(each) == "number" for each in values[name].dropna())][:12]
    figures = []
    for name in numeric:
        each = pd.Series(values[name].to_numpy(dtype=float, na_value=np.nan), name=str(name))
        few = len(np.unique(units(sample.cases))) <= _LINES
        inner = Sample(str(name), sample.cases, sample.total, sample.read, sample.against)
        figures += (_intervals(inner, each) if few else _spread(inner, each)).figures
    caption = "Each number by itself, originals beside the mean, standard deviation and range of each control's draws."
    gallery = [Gallery(figures, caption + sample.note, control_keys(sample.controls))] if figures else []
    return [*gallery, *_value_tables(sample, values, "a column a name")]


def texts(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are texts (or series of them): how often each occurs."""
    values = list(sample.read())
    flat = [each for value in values for each in (value.tolist() if isinstance(value, pd.Series) else [value])]
    counts = pd.Series(["–" if each is None else str(each) for each in flat], dtype=object).value_counts(sort=False)
    blocks: list[Block | Table] = []
    if len(counts) <= 400:
        figure = plots.shares(counts.to_frame().T)
        blocks.append(
            Gallery([(sample.name, figure)], f"{label(sample.name)}: how often each text occurs.{sample.note}")
        )
    else:
        blocks.append(Note(f"{len(counts):,} different texts."))
    shown = [v if isinstance(v, str) or v is None else f"{len(v)} texts" for v in values]
    return [*blocks, *_value_tables(sample, pd.DataFrame({sample.name: shown}))]


def _value_tables(sample: Sample, values: pd.DataFrame, how: str = "") -> list[Table]:
    """The originals' first rows and, where there are more, their quantiles, by part."""
    names = sample.cases[sample.columns].iloc[sample.own].reset_index(drop=True)
    own = values.iloc[sample.own].reset_index(drop=True)
    what = "Values" + (" of the originals" if sample.controls else "") + (f", {how}" if how else "")
    first = pd.concat([names, own.head(20)], axis=1).head(20)
    made = [table(first, caption=f"{what}.", total=len(own), entries=how.removeprefix("by "))]
    if len(own) <= 20:
        return made
    caption = f"Quantiles over {counted(len(own), 'value')}{', by part' * (len(sample.parts) > 1)}."
    parts = [(title, inside[sample.own]) for title, inside in sample.parts]
    summary = quantiles(own, caption=caption, head=how.removeprefix("by ") or "value", parts=parts)
    return made + ([summary] if summary is not None else [])
