"""The recordings of a study: opened before anything runs, known by their content, handed to units."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conntap.activity import Spikes, Traces, read
from conntap.errors import ConntapError
from conntap.seeds import digest
from conntap.study.entries import RecordingEntry, Study
from conntap.study.plan import Case, content_of

__all__ = ["open_recording", "recorded"]


def open_recording(entry: Mapping[str, Any]) -> Spikes | Traces:
    """The spikes or traces that an entry of `recordings:` names."""
    entry = RecordingEntry(**entry)
    return read(entry.path, **entry.options)


def recorded(study: Study) -> tuple[dict[str, list[Case]], dict[str, str]]:
    """The cases of `recordings` and of each `recordings.NAME`, and the digest of each one's content and options.

    Raises
    ------
    StudyError
        A recording cannot be read, or holds spikes where a stage takes traces, or the other way round.
    """
    cases: dict[str, list[Case]] = {"recordings": []}
    digests: dict[str, str] = {}
    for name, entry in study.recordings.items():
        try:
            activity = open_recording(entry.model_dump())
            digests[name] = digest("recording", _content(Path(entry.path)), entry.options)
        except (ConntapError, OSError) as error:
            raise study.told(f"recordings.{name}: {error}", ("recordings", name)) from error
        _refuse_other_kinds(study, name, activity)
        size = (float(activity.n_nodes or 1), 0.0)
        case = Case({"recording": name}, {"recording": name}, digests[name], size, activity.n_nodes, digests[name])
        cases[f"recordings.{name}"] = [case]
        cases["recordings"].append(case)
    return cases, digests


def _content(path: Path) -> list[str]:
    """The digest of a recording, and of the positions that lie beside one of the Connectomics challenge."""
    beside = path.with_name(path.name.replace("fluorescence_", "networkPositions_", 1))
    return [content_of(each) for each in (path, *([beside] if beside != path and beside.is_file() else []))]


def _refuse_other_kinds(study: Study, name: str, activity: Spikes | Traces) -> None:
    for stage in study.stages.values():
        for position, source in stage.inputs.items():
            if source in ("recordings", f"recordings.{name}") and not stage.accepts(position, type(activity)):
                kind = type(activity).__name__.lower()
                message = (
                    f"stages.{stage.name}.of: recordings.{name} holds {kind}, which {stage.step.name} does not take."
                )
                raise study.told(message, ("stages", stage.name, "of"))
