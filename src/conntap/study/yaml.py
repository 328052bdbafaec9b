"""Text -> plain values with the place of each: YAML 1.2 or JSON, nothing executed.

Duplicate keys, tags and anchors that unfold without end are refused. What comes back is made of dicts, lists,
strings, numbers, booleans and None only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conntap.errors import StudyError

__all__ = ["Document", "Place", "odd_numbers", "parsed", "read_document", "read_value"]

_MOST_VALUES = 200_000
_MOST_BYTES = 16 * 2**20
_DEEPEST = 40

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """Plain values and, for the path of keys to each of them, its file and line."""

    values: dict[str, Any]
    text: str
    places: dict[Place, tuple[Path, int]] = field(default_factory=dict)

    def folder(self, place: Place, default: Path) -> Path:
        """The folder of the file that wrote the value at `place`: its paths are relative to it."""
        for end in range(len(place), -1, -1):
            if place[:end] in self.places:
                return self.places[place[:end]][0].parent
        return default

    def line(self, place: Place) -> str:
        """` (study.yaml, line 12)` for the value at `place`, or the nearest above it; else nothing."""
        for end in range(len(place), 0, -1):
            if place[:end] in self.places:
                path, line = self.places[place[:end]]
                return f" ({path.name}, line {line})"
        return ""


def read_document(path: Path) -> Document:
    """Read a YAML or JSON document whose top is a mapping.

    Raises
    ------
    StudyError
        As `parsed`, and for a number that is none to compute with.
    """
    document = parsed(path)
    for place, told in odd_numbers(document.values):
        raise StudyError(f"{path}: {told}{document.line(place)}")
    return document


def parsed(path: Path) -> Document:
    """The same, whatever its numbers are: `odd_numbers` finds those that are none to compute with.

    Raises
    ------
    StudyError
        No such file, not text, a mistake of syntax (with line and column), a duplicate key, a tag, or a
        document that is too large or too deep.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise StudyError(f"{path}: no ordinary file; a study document is text.")
        if path.stat().st_size > _MOST_BYTES:
            raise StudyError(f"{path}: larger than {_MOST_BYTES // 2**20} MiB; a study document is text for people.")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file. `tap init DIR` makes a study to start from.") from None
    except IsADirectoryError:
        raise StudyError(f"{path}: a folder; name the document in it, such as {path / 'study.yaml'}.") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start}).") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise StudyError(f"{str(path)!r}: no name of a file: {error}.") from None
    raw = _from_json(text, path) if path.suffix.lower() == ".json" else _from_yaml(text, path)
    places: dict[Place, tuple[Path, int]] = {}
    values = _Plain(path.resolve(), places).value(raw, ())
    if not isinstance(values, dict):
        raise StudyError(f"{path}: holds {_kind(values)}; a study is a mapping that starts with `study: TITLE`.")
    return Document(values, text, places)


def odd_numbers(values: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every number that is infinite or none: its place, and what is wrong.

    >>> list(odd_numbers({"fraction": [0.5, math.nan]}))
    [(('fraction', 1), 'fraction.1: nan is no number to compute with.')]
    """
    if isinstance(values, dict | list):
        for key, each in values.items() if isinstance(values, dict) else enumerate(values):
            yield from odd_numbers(each, (*place, key))
    elif isinstance(values, float) and not math.isfinite(values):
        yield place, f"{'.'.join(map(str, place))}: {values} is no number to compute with."


def read_value(text: str) -> Any:
    """One value as a document would hold it: a number, a truth value, text, a list or a mapping.

    Raises
    ------
    StudyError
        It is no YAML, or holds what a document may not.

    Examples
    --------
    >>> read_value("{quantiles: {y: 4}}"), read_value("3"), read_value("layer")
    ({'quantiles': {'y': 4}}, 3, 'layer')
    """
    path = Path("the terminal")
    value = _Plain(path, {}).value(_from_yaml(text, path), ())
    for _, told in odd_numbers(value):
        raise StudyError(f"{path}: {told}")
    return value


def _from_yaml(text: str, path: Path) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        mark = error.problem_mark
        problem = str(error.problem).split(" with value")[0].replace("found ", "")
        raise StudyError(
            f"{path}, line {mark.line + 1}: {problem}; a key stands once. Remove one of the two."
        ) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise StudyError(f"{path}{place}: not YAML: {error.problem or error.context}.") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise StudyError(
            f"{path}: not YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}."
        ) from None


def _from_json(text: str, path: Path) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            again = next(key for key in keys if keys.count(key) > 1)
            raise StudyError(f"{path}: duplicate key {again!r}; a key stands once. Remove one of the two.")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise StudyError(f"{path}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}.") from None
    except (RecursionError, ValueError) as error:
        raise StudyError(f"{path}: not JSON: {error}.") from None


class _Plain:
    """Turns what a parser made into plain values and notes the place of each."""

    def __init__(self, path: Path, places: dict[Place, tuple[Path, int]]) -> None:
        self.path, self.places, self.count = path, places, 0

    def value(self, raw: Any, place: Place) -> Any:
        self.count += 1
        if self.count > _MOST_VALUES or len(place) > _DEEPEST:
            raise StudyError(f"{self.path}: more than {_MOST_VALUES:,} values or {_DEEPEST} levels when unfolded.")
        if getattr(getattr(raw, "tag", None), "value", None):
            where = ".".join(map(str, place))
            raise StudyError(
                f"{self.path}: {where}: the tag {raw.tag.value!r} is not allowed; a study is plain values."
            )
        if isinstance(raw, dict):
            return {self.key(key, place): self.value(item, self.noted(raw, key, place)) for key, item in raw.items()}
        if isinstance(raw, list):
            return [self.value(item, self.noted(raw, i, place)) for i, item in enumerate(raw)]
        return self.scalar(raw, place)

    def key(self, key: Any, place: Place) -> str:
        if not isinstance(key, str):
            where = ".".join(map(str, place)) or "the document"
            raise StudyError(f"{self.path}: {where}: the key {key!r} is not text. Quote it.")
        return str(key)

    def noted(self, raw: Any, key: Any, place: Place) -> Place:
        inner = (*place, str(key) if isinstance(raw, dict) else key)
        marks = getattr(getattr(raw, "lc", None), "data", None) or {}
        if key in marks:
            self.places[inner] = (self.path, marks[key][0] + 1)
        else:
            self.places.setdefault(inner, (self.path, self.places.get(place, (self.path, 1))[1]))
        return inner

    def scalar(self, raw: Any, place: Place) -> Any:
        if raw is None or isinstance(raw, bool):
            return raw
        if type(raw).__name__ == "ScalarBoolean":
            return bool(raw)
        for kind in (int, float, str):
            if isinstance(raw, kind):
                return kind(raw)
        where = ".".join(map(str, place))
        raise StudyError(f"{self.path}: {where}: a {type(raw).__name__} is not allowed; quote it to make it text.")


def _kind(value: Any) -> str:
    return {list: "a list", str: "text", type(None): "nothing"}.get(type(value), f"a {type(value).__name__}")
