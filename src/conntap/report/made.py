"""Stages of circuits on disk, of masks and of fitted models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from conntap.circuits.provenance import provenance
from conntap.errors import ConntapError
from conntap.report.blocks import Block, Note, Sample
from conntap.report.nodes import tables
from conntap.report.tables import Table, table
from conntap.report.tissue import cube_of

__all__ = ["circuits", "fits", "masks"]


_CUBES = 2  # pictures of circuits with glia


def circuits(sample: Sample) -> list[Block | Table]:
    """The sizes of circuits on disk, and what each manipulation changed of those made by some."""
    cubes: list[Block | Table] = []
    sizes: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    for row, circuit in enumerate(_opened(sample)):
        own = {name: sample.cases[name].iloc[row] for name in sample.columns}
        if isinstance(circuit, str):
            sizes.append({**own, "circuit files": circuit})
            continue
        sizes.append({**own, **{f"{name} (nodes)": each.size for name, each in circuit.node_populations.items()}})
        if len(cubes) < _CUBES:
            cubes += [each for each in [cube_of(circuit, sample.labels[row].replace("all", ""))] if each is not None]
        for name, each in circuit.edge_populations.items():
            sizes[-1][f"{name} (edges)"] = each.size
            changes += [{**own, **step} for step in _changes(each)]
    blocks: list[Block | Table] = [
        *cubes,
        table(pd.DataFrame(sizes), caption=f"Circuits on disk: nodes and edges.{sample.note}", total=len(sizes)),
    ]
    if changes:
        frame = _whole(pd.DataFrame(changes))
        blocks.append(table(frame, caption="What each manipulation changed.", most=40, total=len(frame)))
    return blocks


def masks(sample: Sample) -> list[Block | Table]:
    """How many connections each mask names."""
    rows = [_named(mask) for mask in sample.read()]
    frame = pd.concat([sample.cases[sample.columns].reset_index(drop=True), pd.DataFrame(rows)], axis=1)
    return [table(frame, caption=f"Connections that each mask names.{sample.note}", most=40, total=sample.total)]


def _named(mask: Any) -> dict[str, Any]:
    told = {"connections": mask.size, "pre nodes": len(mask.pre_ids), "post nodes": len(mask.post_ids)}
    return told | ({"means": "all connections but these"} if mask.is_inverted else {})


def _opened(sample: Sample) -> Iterator[Any]:
    """Each circuit, or why it cannot be opened."""
    values = sample.read()
    for _ in range(len(sample.cases)):
        try:
            yield next(values)
        except StopIteration:
            return
        except (ConntapError, OSError) as error:
            yield str(error).split(": ")[-1]
            return


def _changes(population: Any) -> list[dict[str, Any]]:
    told = provenance(population)
    steps, numbers = told.get("recipe"), told.get("changed")
    if not isinstance(steps, list) or not isinstance(numbers, list):
        return []
    return [
        {"step": n, "do": step.get("do"), **each} for n, (step, each) in enumerate(zip(steps, numbers, strict=False))
    ]


def _whole(frame: pd.DataFrame) -> pd.DataFrame:
    """Whole numbers as such where some rows lack them."""
    for name in frame.columns:
        if frame[name].dtype.kind == "f" and (frame[name].dropna() % 1 == 0).all():
            frame[name] = frame[name].astype("Int64")
    return frame


def fits(sample: Sample) -> list[Block | Table]:
    """What was fitted: the data beside what the model says, and its numbers."""
    values = list(sample.read())
    blocks: list[Block | Table] = []
    parts: tuple[tuple[str, Callable[[Any], pd.DataFrame]], ...] = (
        ("The data beside the model.", lambda each: each.bins),
        ("The numbers of the model.", lambda each: each.numbers),
    )
    for text, of in parts:
        frames = [of(each) for each in values]
        if any(len(frame) for frame in frames):
            blocks += [Note(text), *tables(replace(sample, read=lambda frames=frames: iter(frames)))]
    return blocks
