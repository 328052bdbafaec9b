"""Stages of trained networks: how training went. Needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Key, Sample
from conntap.report.tables import Table, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["learning_curves", "trained"]

_MEASURES = ("loss", "accuracy")
_PANELS = 6


def trained(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage of trained networks: curves of loss and accuracy by epoch, and the best epochs as a table."""
    figures: list[tuple[str, Figure]] = []
    rows = []
    for position, (name, value) in enumerate(zip(sample.labels, sample.read(), strict=True)):
        rows.append(_facts(value))
        if position < _PANELS:
            figures += [
                (f"{name}: {measure}", learning_curves(value.history, measure, title="" if name == "all" else name))
                for measure in _MEASURES
                if measure in value.history
            ]
    names = sample.cases[sample.columns].reset_index(drop=True)
    facts = pd.concat([names, pd.DataFrame(rows)], axis=1).dropna(axis=1, how="all")
    caption = "Loss, and the share of right answers, after each epoch of training."
    if len(rows) > _PANELS:
        caption += f" {_PANELS} of {sample.total:,} are drawn."
    keys = [Key("trained on", 0), Key("validation", 1)]
    return [
        Gallery(figures, caption, keys),
        table(facts, caption="The epoch whose parameters were kept.", most=40, total=sample.total),
    ]


def learning_curves(history: pd.DataFrame, measure: str, *, title: str = "") -> Figure:
    """A measure by epoch, of the samples trained on and of those validated on.

    Parameters
    ----------
    history
        Columns epoch, `measure` and, where there was validation, validation_`measure`.
    measure
        "loss" or "accuracy".
    title
        What the panel shows.

    Returns
    -------
    A figure of 430 by 290 pixels.

    Notes
    -----
    Linear in the epochs.

    Examples
    --------
    >>> history = pd.DataFrame({"epoch": [1, 2], "loss": [0.7, 0.5], "validation_loss": [0.8, 0.6]})
    >>> len(learning_curves(history, "loss").axes[0].lines)
    2
    """
    shown = {"trained on": measure, "validation": f"validation_{measure}"}
    named = {
        name: pd.Series(history[column].to_numpy(dtype=float), index=history["epoch"].astype(float))
        for name, column in shown.items()
        if column in history
    }
    return plots.curves(named, x_label="epoch", y_label=measure, title=title)


def _facts(value: Any) -> dict[str, Any]:
    history = value.history
    kept = history[history["epoch"] == value.spec.get("best")]
    columns = [f"{part}{name}" for name in _MEASURES for part in ("", "validation_")]
    told = {
        name.replace("_", " "): float(kept[name].iloc[0]) if name in kept and len(kept) else np.nan for name in columns
    }
    numbers = sum(int(np.asarray(each).size) for each in value.parameters.values())
    return {"epochs": len(history), "kept": value.spec.get("best"), **told, "numbers": numbers}
