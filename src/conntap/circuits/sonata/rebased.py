"""A circuit's configuration for a new folder: changed only where its paths must."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conntap.circuits.sonata.config import CircuitConfig, read_config, read_json, tidy
from conntap.errors import CircuitError

__all__ = ["write_rebased"]

_HERE = ("$configdir", "${configdir}")


def write_rebased(config: CircuitConfig, path: Path, *, files: Mapping[tuple[Any, ...], Path]) -> None:
    """Write a configuration that means the same files as `config` from another folder, but for some.

    Paths relative to the old folder become absolute, in the manifest where that is enough. Everything else stays: other
    keys, their order, comments, entries that are disabled.

    Parameters
    ----------
    config
        The circuit's own configuration.
    path
        The new file, in the folder that it is for.
    files
        Places of paths that change ("networks", "edges", 0, "edges_file") -> the new file beside `path`.
    """
    values = read_json(config.path)
    manifest = values.get("manifest", {})
    for name, text in manifest.items():
        manifest[name] = _absolute(text, config.path.parent)
    if "node_sets_file" not in values and len(config.node_sets) == 1:
        values["node_sets_file"] = str(config.node_sets[0])  # a simulation's configuration named it
    for place, file in files.items():
        _set(values, place, f"./{file.name}")
    _write(path, values)
    for place, text in _texts(config.values):
        if place not in files and place[0] != "manifest" and _at(read_config(path).values, place) != text:
            _set(values, place, text)
            _write(path, values)


def _absolute(text: str, folder: Path) -> str:
    for each in _HERE:
        text = text.replace(each, str(folder))
    if text == "." or text.startswith(("./", "../")) or (text and "$" not in text and not Path(text).is_absolute()):
        return tidy(folder / text)
    return text


def _write(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _texts(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], str]]:
    """Every text of a configuration with its place."""
    if isinstance(value, str):
        return [(place, value)]
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    return [each for key, part in parts for each in _texts(part, (*place, key))]


def _at(values: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        values = values[key]
    return values


def _set(values: Any, place: tuple[Any, ...], text: str) -> None:
    try:
        _at(values, place[:-1])[place[-1]] = text
    except (KeyError, IndexError, TypeError):
        raise CircuitError(
            f"the configuration has no {'.'.join(map(str, place))}. It changed while it was read."
        ) from None
