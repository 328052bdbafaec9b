"""Stages that define subtargets: how many, how large, where."""

from __future__ import annotations

import pandas as pd

from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Note, Sample
from conntap.report.tables import Table, quantiles, table
from conntap.report.wording import counted

__all__ = ["subtargets"]

_AXES = ("x", "y", "z")


def subtargets(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage that defines subtargets: how many, how large, where."""
    blocks: list[Block | Table] = []
    for value, name in zip(sample.read(), sample.labels[:4]):
        info = pd.DataFrame(value.info)
        sizes = pd.Series([len(value[position].ids) for position in range(len(value.names))], dtype=float)
        what = f"{counted(len(sizes), 'subtarget')}{'' if name == 'all' else f' of {name}'}"
        figures = [
            ("nodes", plots.distribution({"n": sizes}, x_label="nodes in a subtarget", y_label="share of subtargets"))
        ]
        axes = [axis for axis in info.columns if str(axis).removeprefix("center_").removesuffix("_um") in _AXES]
        if len(axes) >= 2 and len(info):
            x, y = (info[axis].to_numpy(dtype=float) for axis in axes[:2])
            figures.append(("centres", plots.positions(x, y, x_label=f"{axes[0]} (µm)", y_label=f"{axes[1]} (µm)")))
        blocks.append(
            Gallery(figures, f"{what}: how many nodes they have{', and their centres' * (len(figures) > 1)}.")
        )
        shown = (
            info.reset_index()
            if "n_nodes" in info.columns
            else info.assign(n_nodes=sizes.astype(int).to_numpy()).reset_index()
        )
        blocks.append(table(shown, caption=f"{what}."))
        summary = quantiles(shown, caption="Quantiles over subtargets.", head="column") if len(shown) > 20 else None
        blocks += [summary] if summary is not None else []
    if len(sample.cases) > 4:
        blocks.append(Note(f"The first 4 of {sample.total:,} values are shown."))
    return blocks
