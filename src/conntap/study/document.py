"""A study document -> a checked `Study`. Runs nothing and opens no circuit.

The whole document is checked in one go and every mistake is told at once, each with its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from conntap.errors import StudyError, known, unknown
from conntap.study.checking import Checker, all_told, dotted, short
from conntap.study.entries import (
    CircuitEntry,
    ControlEntry,
    RecordingEntry,
    RunOptions,
    SearchEntry,
    SelectEntry,
    SizeEntry,
    SliceEntry,
    StageEntry,
    StageRunOptions,
    Study,
    StudyEntry,
    run_mistake,
)
from conntap.study.yaml import Document, Place, odd_numbers, parsed, read_value

__all__ = ["load_study", "values_of"]


def load_study(path: str | Path, *, options: Mapping[str, Any] | None = None) -> Study:
    """Read and check a study document.

    Every key, option, type, reference, path and name is checked; nothing is run and no circuit opened.

    Parameters
    ----------
    path
        A YAML (1.2) or JSON document. Paths in it are relative to it.
    options
        Values for options of stages, `stage.option`, in place of those of the document; its searches are then left out.

    Raises
    ------
    StudyError
        One message with every mistake found, each with its place, line and the names that are known there.

    Notes
    -----
    Milliseconds, and the import of the rooms whose steps it names.

    Examples
    --------
    >>> from conntap.study.document import load_study
    >>> load_study("nowhere.yaml")
    Traceback (most recent call last):
    conntap.errors.StudyError: nowhere.yaml: no such file. `tap init DIR` makes a study to start from.
    """
    path = Path(path)
    document = _extended(path, seen=())
    if options is not None:
        document = Document(_with_options(document.values, options), document.text, document.places)
    try:
        entry = StudyEntry.model_validate(_expanded(document.values))
    except ValidationError as error:
        odd = dict(odd_numbers(document.values))
        told = [f"{each}{document.line(place)}" for place, each in odd.items()]
        told += [_told(each, document) for each in error.errors(include_url=False) if each["loc"] not in odd]
        raise StudyError(all_told(path, told)) from None
    return Checker(path, document, entry).study()


def _with_options(values: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    stages = {name: dict(each) for name, each in values["stages"].items()}
    for name, value in options.items():
        stage, _, option = name.partition(".")
        stages[stage][option] = value
    return {key: each for key, each in values.items() if key != "search"} | {"stages": stages}


def _extended(path: Path, seen: tuple[Path, ...]) -> Document:
    """The document merged onto the one that it extends."""
    if path.resolve() in seen:
        raise StudyError(
            f"{path}: extends itself by way of {' -> '.join(each.name for each in seen)}. Break the circle."
        )
    document = parsed(path)
    base_path = document.values.get("extends")
    if base_path is None:
        return document
    if not isinstance(base_path, str):
        raise StudyError(f"{path}: extends: must be the path of one study document.")
    if not (path.parent / base_path).exists():
        place = document.line(("extends",))
        raise StudyError(
            f"{path.name}: extends: no such file: {path.parent.resolve() / base_path}. Paths are relative to the document.{place}"
        )
    base = _extended(path.parent / base_path, (*seen, path.resolve()))
    places = {**base.places, **document.places}
    values = _merged(base.values, document.values)
    return Document(values, f"{document.text}\n# --- extends {base_path} ---\n{base.text}", places)


def values_of(text: str) -> dict[str, Any]:
    """The values of a study by its text: that of the document, with those that it extends below it; short forms written out.

    Raises
    ------
    StudyError
        The text cannot be read.
    """
    parts = [read_value(part) for part in re.split(r"^# --- extends .* ---$", text, flags=re.MULTILINE)]
    values: Any = {}
    for part in reversed(parts):
        values = _merged(values, part)
    return _expanded(values) if isinstance(values, dict) else {}


def _merged(base: Any, over: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    both = {key: _merged(base.get(key), value) for key, value in over.items()}
    return {key: value for key, value in {**base, **both}.items() if value is not None}


def _expanded(values: dict[str, Any]) -> dict[str, Any]:
    """The document with its short forms written out."""
    values = dict(values)
    for section in ("circuits", "recordings"):
        if isinstance(values.get(section), dict):
            values[section] = {k: {"path": v} if isinstance(v, str) else v for k, v in values[section].items()}
    if isinstance(values.get("stages"), dict):
        values["stages"] = {k: _with_list(v, "select") for k, v in values["stages"].items()}
    if isinstance(values.get("slices"), dict):
        values["slices"] = {k: {"by": v} if isinstance(v, str | list) else v for k, v in values["slices"].items()}
    return values


def _with_list(entry: Any, key: str) -> Any:
    """A mapping under that key becomes a list of one."""
    single = isinstance(entry, dict) and isinstance(entry.get(key), dict)
    return {**entry, key: [entry[key]]} if single else entry


_SLICING = (
    "write a node property, {property: [values]}, {name: expression}, {quantiles: {property: 4}} or another form, or a "
    "list of these"
)
_SELECTION = (
    "write {nodes: {min: 100, max: 500}}, {connections: {min: 1000}}, {draw: 5}, these together, or a list of such"
)
_SIZES = ("nodes", "connections")


def _told(error: Mapping[str, Any], document: Document) -> str:
    place = tuple(each for each in error["loc"] if not (isinstance(each, str) and "[" in each))
    if place[0] == "slices" and place[2:3] == ("by",) and error["type"] != "missing":
        place = place[:3]
    keys = _keys_at(place)
    if error["type"] == "extra_forbidden":
        most = 99 if place[-2:-1] == ("run",) else 12
        message = unknown(dotted(place[:-1]), "key", place[-1], _keys_at(place[:-1]), most=most)
    elif error["type"] == "missing":
        message = f"{dotted(place[:-1])}: needs the key {place[-1]!r}."
    elif place[0] == "slices" and place[2:] == ("by",):
        message = f"{dotted(place)}: {short(_value_at(document.values, place))}; {_SLICING}."
    elif (inner := _in_run(place)) is not None and error["type"] != "model_type":
        message = f"{dotted(place)}: {run_mistake(inner, error)}"
    elif error["type"] == "value_error":
        message = f"{dotted(place)}: {error['ctx']['error']}; got {short(error['input'])}. {_remedy(place)}"
    elif _is_selection(place) and error["type"] in ("list_type", "model_type"):
        message = f"{dotted(place)}: {short(error['input'])}. {_remedy(place)}"
    elif error["type"] == "model_type":
        message = f"{dotted(place)}: {short(error['input'])}; write a mapping, {{key: value}}, of {known(keys)}."
    else:
        text = error["msg"][:1].lower() + error["msg"][1:]
        message = f"{dotted(place)}: {text}; got {short(error['input'])}."
    return message + document.line(place)


def _in_run(place: Place) -> Place | None:
    """The place within `run:`, of the study or a stage; None elsewhere."""
    if place[0] == "run":
        return place[1:]
    return place[3:] if place[0] == "stages" and place[2:3] == ("run",) else None


def _is_selection(place: Place) -> bool:
    return len(place) > 2 and place[0] in ("stages", "subtargets") and place[2] == "select"


def _remedy(place: Place) -> str:
    if place[-1] in _SIZES:
        return "Write {min: 100, max: 500}, or one of the two."
    return f"{_SELECTION[0].upper()}{_SELECTION[1:]}."


def _value_at(values: Any, place: Place) -> Any:
    """What the document says there; of a slicing in its short form, the slicing."""
    for each in place:
        if not isinstance(values, dict) or each not in values:
            return values
        values = values[each]
    return values


def _keys_at(place: Place) -> list[str]:
    if len(place) == 0:
        return list(StudyEntry.model_fields)
    if place[0] == "stages" and place[2:3] == ("run",):
        return list(StageRunOptions.model_fields)
    if _is_selection(place):
        return list((SizeEntry if place[-1] in _SIZES else SelectEntry).model_fields)
    models: dict[Any, type[BaseModel]] = {
        "circuits": CircuitEntry, "slices": SliceEntry, "run": RunOptions, "stages": StageEntry,
        "subtargets": StageEntry, "controls": ControlEntry, "recordings": RecordingEntry, "search": SearchEntry,
    }  # fmt: skip
    return list(models.get(place[0], StudyEntry).model_fields)
