"""Stages that measure stored draws of a null model, and the stages of originals that they stand beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from conntap.errors import StoreError
from conntap.report.blocks import Block, Note
from conntap.report.tables import Table
from conntap.report.wording import counted, first_line, whole
from conntap.store.beside import Beside

if TYPE_CHECKING:
    from conntap.store import Dataset, Store

__all__ = ["joined", "stored_draws"]


def stored_draws(store: Store, document: Mapping[str, Any]) -> dict[str, dict[str, Dataset]]:
    """For each stage that measures originals: the null models whose stored draws another stage measures in the same way.

    Such a stage has the same step, options and sweeps, and all inputs but one; that one is a stage that draws random
    connectomes, with `repeat`, of the very input that the first stage measures. It is looked up in the store, and where it
    was not kept there, in the study's text.

    Parameters
    ----------
    store
        The open store.
    document
        The study as `read_study` gives it.

    Returns
    -------
    Name of stage -> name of the null model's stage -> the stage that measures its draws.
    """
    found: dict[str, dict[str, Dataset]] = {}
    for name, originals in store.items():
        for draws in store.values():
            null = _null_of(originals, draws, document)
            if null is not None:
                found.setdefault(name, {}).setdefault(null, draws)
    return found


def _null_of(originals: Dataset, draws: Dataset, document: Mapping[str, Any]) -> str | None:
    """The stage whose draws the second stage measures, where the first measures what they are drawn of."""
    if (originals.step, originals.options) != (draws.step, draws.options) or not originals.step:
        return None
    before, after = originals.inputs, draws.inputs
    other = [name for name in before.keys() & after.keys() if before[name] != after[name]]
    if before.keys() != after.keys() or len(other) != 1 or not _measured_alike(originals, draws, document):
        return None
    (position,) = other
    null = after[position]
    cases = draws.cases
    if "repeat" not in cases or f"{null}_repeat" in cases:
        return None
    step, sources = _drawn_by(originals, null, document)
    return null if _is_random(step) and sources == [before[position]] else None


def _measured_alike(originals: Dataset, draws: Dataset, document: Mapping[str, Any]) -> bool:
    first, second = (_entry(document, each.name) for each in (originals, draws))
    return first.get("each") == second.get("each") and not second.get("repeat")


def _drawn_by(originals: Dataset, null: str, document: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The step of the stage of this name, and what it takes from."""
    stage = originals.sibling(null)
    if stage is not None:
        return stage.step, list(stage.inputs.values())
    entry = _entry(document, null)
    step, of = entry.get("do"), entry.get("of", "circuits")
    aliases = document.get("steps")
    step = aliases.get(step, step) if isinstance(aliases, Mapping) else step
    sources = list(of.values()) if isinstance(of, Mapping) else [of]
    return str(step or ""), [str(each).removeprefix("stages.") for each in sources]


def _is_random(step: str) -> bool:
    """Whether a step that was repeated may be a null model: one that changes connectomes, or one of a plugin."""
    return step.startswith("manipulate.") or ":" in step


def _entry(document: Mapping[str, Any], stage: str) -> Mapping[str, Any]:
    stages = document.get("stages")
    entry = stages.get(stage) if isinstance(stages, Mapping) else None
    return entry if isinstance(entry, Mapping) else {}


def joined(dataset: Dataset, draws: Mapping[str, Dataset]) -> tuple[Dataset | Beside, list[Block | Table]]:
    """A stage with the stored draws that can be set beside it, and the sentences that say where they come from.

    Parameters
    ----------
    dataset
        The stage that measures originals.
    draws
        As `stored_draws` gives them.
    """
    kept: dict[str, Dataset] = {}
    notes: list[Block | Table] = []
    for null, stage in draws.items():
        try:
            Beside(dataset, {null: stage})
        except StoreError as error:
            notes.append(
                Note(f"The draws of {null} that {stage.name} measures are not shown here: {first_line(error)}")
            )
        else:
            kept[null] = stage
            notes.append(Note(_told(null, stage)))
    return (Beside(dataset, kept) if kept else dataset), notes


def _told(null: str, stage: Dataset) -> str:
    done, units = (whole(stage.attrs.get(name)) for name in ("units_done", "units"))
    text = f"The draws of {null} are those that {stage.name} measures."
    if done is None or units is None or done >= units:
        return text
    return f"{text} {done:,} of {counted(units, 'unit')} are done; what follows is of these."
