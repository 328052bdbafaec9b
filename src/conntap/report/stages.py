"""One section of the page for each stage: what was done, then its values in pictures and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from logging import getLogger
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.errors import MissingExtra, StoreError
from conntap.report import learning, made, matrices, nodes, numbers, regions, tissue
from conntap.report.blocks import Block, Note, Sample
from conntap.report.cases import chosen, controls, groups, originals, telling
from conntap.report.drawing import label
from conntap.report.kinds import kind, size
from conntap.report.labels import bare, labels, slice_variables
from conntap.report.stored import joined
from conntap.report.tables import Table
from conntap.report.wording import counted, first_line, number, pairs, whole

if TYPE_CHECKING:
    from conntap.store import Dataset
    from conntap.store.beside import Beside

__all__ = ["Section", "section"]

_log = getLogger(__name__)
_BYTES = 512 * 1024 * 1024  # of values of one stage held at a time

_MIXED = ("scalar", "array")  # encodings whose values may be of several kinds

# Kind -> (how it is shown, how many cases are read at most).
_SHOWN: dict[str, tuple[Callable[[Sample], list[Block | Table]], int]] = {
    "number": (numbers.scalars, 5_000),
    "text": (numbers.texts, 5_000),
    "series": (numbers.series, 4_000),
    "mapping": (numbers.mappings, 1_000),
    "simplices": (numbers.simplices, 500),
    "table": (nodes.tables, 400),
    "subtargets": (regions.subtargets, 40),
    "mask": (made.masks, 500),
    "circuit": (made.circuits, 200),
    "fit": (made.fits, 40),
    "connectome": (matrices.connectomes, 120),
    "sparse": (matrices.matrices, 120),
    "array": (matrices.arrays, 500),
    "trained": (learning.trained, 40),
    "spikes": (matrices.spikes, 24),
    "traces": (matrices.traces, 12),
    "vessels": (tissue.vessels, 12),
    "surface": (tissue.surfaces, 12),
    "domains": (tissue.domains, 12),
    "endfeet": (tissue.endfeet, 12),
    "morphologies": (tissue.morphologies, 12),
    "volume": (tissue.volumes, 12),
    "other": (matrices.others, 20),
    "file": (matrices.others, 20),
}


@dataclass(frozen=True)
class Section:
    """A stage as the page shows it."""

    name: str
    description: str
    step: str
    made: str
    options: list[tuple[str, str]]
    inputs: dict[str, str]
    units: int | None
    total: int
    varies: str
    holds: str
    blocks: list[Block | Table]


def section(dataset: Dataset, draws: Mapping[str, Dataset] = {}) -> Section:
    """The section of one stage; what cannot be shown is said in a sentence, and the rest of the page stands.

    Parameters
    ----------
    dataset
        The stage in an open store.
    draws
        Name of a null model -> the stage that measures stored draws of it; they stand beside the values like controls.

    Returns
    -------
    Figures and tables of bounded size: where there are very many cases, of a sample that depends on the
    cases alone.

    Notes
    -----
    Linear in the number of cases and in the bytes of the values sampled.
    """
    cases = dataset.cases
    holds, blocks = "nothing", [Note("This stage has no values.")]
    if len(cases):
        try:
            both, notes = joined(dataset, draws)
            holds, blocks = _values(both, both.cases)
            blocks = [*notes, *blocks]
        except MissingExtra:
            raise
        except Exception as error:  # one stage that cannot be drawn must not take the page with it
            _log.exception("stage %s cannot be drawn", dataset.name)
            holds, blocks = (
                "not readable",
                [Note(f"This stage cannot be drawn: {type(error).__name__}: {first_line(error)}")],
            )
    about = dataset.attrs
    return Section(
        name=dataset.name,
        description=dataset.description or str(about.get("summary") or "").replace("`", ""),
        step=dataset.step,
        made=_made(about),
        options=pairs(dataset.options),
        inputs=dict(dataset.inputs),
        units=whole(about.get("units")),
        total=len(cases),
        varies=varies(cases) if len(cases) else "no values",
        holds=holds,
        blocks=[*_missing(about), *blocks],
    )


def _missing(about: Mapping[str, Any]) -> list[Block | Table]:
    """The sentence that says how many units are done, where some are not."""
    done, units = (whole(about.get(name)) for name in ("units_done", "units"))
    if done is None or units is None or done >= units:
        return []
    if done == 0:
        return [Note(f"None of {counted(units, 'unit')} is done.")]
    return [Note(f"{done:,} of {counted(units, 'unit')} are done; what follows is of these.")]


def _made(about: Mapping[str, Any]) -> str:
    """How much of a stage is done and what it cost, where the store says so."""
    done, units, cpu = (about.get(name) for name in ("units_done", "units", "cpu_s"))
    parts = []
    if _missing(about):
        parts.append(f"{done:,} of {counted(int(units), 'unit')}")
    elif whole(units):
        parts.append(counted(int(units), "unit"))
    if isinstance(cpu, int | float) and cpu >= 0:
        parts.append(f"{number(cpu, 2)} s of CPU time")
    return ", ".join(parts)


def varies(cases: pd.DataFrame) -> str:
    """How the cases of a stage come about, in a few words.

    Examples
    --------
    >>> varies(pd.DataFrame({"subtarget": ["a", "a", "b", "b"], "control": ["original", "er"] * 2, "draw": [-1, 0] * 2}))
    '2 subtargets × original and 1 draw of er'
    """
    parts = _parts_of(cases)
    names = [name for name in telling(cases) if not parts or name not in ("slice", *slice_variables(cases))]
    own = [_number_of(cases[name].nunique(dropna=False), name) for name in names]
    text = " × ".join([*own, *([parts] if parts else [])]) or _only(cases)
    drawn = [_draws(cases, name) for name in controls(cases)]
    return text + (f" × original and {', '.join(drawn)}" if drawn else "")


def _only(cases: pd.DataFrame) -> str:
    """How many values there are where nothing tells them apart; of one case of two circuits, which."""
    text = counted(int(originals(cases).sum()), "value")
    sides = [name for name in cases.columns if str(name).endswith("_circuit")]
    return f"{text}: {labels(cases.head(1), sides)[0]}" if len(sides) > 1 else text


def _parts_of(cases: pd.DataFrame) -> str:
    """The whole and the slices of a stage, if there are any: '3 parts (full, e, i)'."""
    if "slice" not in cases:
        return ""
    names = [title for title, _ in groups(cases, ["slice", *slice_variables(cases)])]
    shown = ", ".join(names if len(names) <= 6 else [*names[:5], "…"])
    return f"{len(names):,} parts ({shown})" if len(names) > 1 else ""


def _number_of(n: int, name: str) -> str:
    if str(name).endswith("_repeat"):
        return f"{counted(n, 'repeat')} of {name.removesuffix('_repeat')}"
    if bare(name) in ("circuit", "subtarget", "repeat", "slice"):
        return counted(n, name.replace("_", " ") if bare(name) != name else name)
    return f"{n:,} values of {label(name)}"


def _draws(cases: pd.DataFrame, control: str) -> str:
    rows = cases.loc[cases["control"].astype(str) == control]
    return f"{counted(rows['draw'].nunique() if 'draw' in rows else len(rows), 'draw')} of {control}"


def _values(dataset: Dataset | Beside, cases: pd.DataFrame) -> tuple[str, list[Block | Table]]:
    first = dataset[0]
    plain = _numbers(dataset, cases) if kind(first) == "number" else None
    if plain is not None:
        return "number", numbers.scalars(_sample(dataset, cases, lambda: iter(plain)))
    most = max(12, min(_SHOWN[kind(first)][1], _BYTES // size(first)))
    rows = chosen(cases, most)
    main, rows, note = _of_one_kind(dataset, rows)
    part = cases.iloc[rows].reset_index(drop=True)
    sample = _sample(dataset, part, lambda: _read(dataset, rows))
    return main, [*note, *_SHOWN[main][0](sample)]


def _sample(dataset: Dataset | Beside, cases: pd.DataFrame, read: Callable[[], Iterator[Any]]) -> Sample:
    return Sample(
        dataset.name, cases, len(dataset), read, dataset.against, lambda row: _nodes(dataset, cases.iloc[row])
    )


def _nodes(dataset: Dataset | Beside, case: pd.Series) -> pd.DataFrame | None:
    """The nodes of the connectome that a case was made of, where its stage is in the store and not large."""
    for name in dataset.inputs.values():
        source = dataset.sibling(name)
        if source is None or source.encodings != ("connectome",):
            continue
        same = [each for each in source.cases if each in case and each not in ("control", "draw")]
        alike = (source.cases[same] == case[same]).all(axis=1).to_numpy() if same else np.ones(len(source), dtype=bool)
        if alike.sum() == 1:
            return source[int(np.flatnonzero(alike)[0])].pre_nodes
    return None


def _numbers(dataset: Dataset | Beside, cases: pd.DataFrame) -> list[float] | None:
    """All scalars of a stage at once; None where they are not all numbers."""
    try:
        values = dataset.frame().iloc[:, 0]
    except StoreError:
        return None
    alike = len(values) == len(cases) and pd.api.types.is_numeric_dtype(values) and values.dtype.kind != "c"
    return values.to_numpy(dtype=float, na_value=np.nan).tolist() if alike else None


def _read(dataset: Dataset | Beside, rows: np.ndarray) -> Iterator[Any]:
    if len(rows) == len(dataset):
        yield from dataset
        return
    for row in rows.tolist():
        yield dataset[row]


def _of_one_kind(dataset: Dataset | Beside, rows: np.ndarray) -> tuple[str, np.ndarray, list[Block | Table]]:
    """The kind most values are of, the rows of these, and a note of the others."""
    if len(dataset.encodings) == 1 and dataset.encodings[0] not in _MIXED:
        return kind(dataset[int(rows[0])]), rows, []
    kinds = [(kind(value), getattr(value, "ndim", 0)) for value in _read(dataset, rows)]
    ranked = Counter(kinds).most_common()
    main = ranked[0][0]
    kept = rows[[each == main for each in kinds]]
    if len(ranked) == 1:
        return main[0], kept, []
    rest = ", ".join(f"{count:,} {name}" for (name, _), count in ranked[1:])
    return main[0], kept, [Note(f"Values of the kind {main[0]} are shown; there are others among those read: {rest}.")]
