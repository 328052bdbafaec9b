"""Options as a document holds them, made into what functions take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from conntap.errors import OptionError, unknown

__all__ = ["only", "options_of"]


def only(given: Iterable[str], names: Iterable[str], where: str) -> None:
    """Refuse names of options that are not known.

    >>> only({"pth": 1}, ["path", "threads"], "example")
    Traceback (most recent call last):
    conntap.errors.OptionError: example: unknown option 'pth'; known: path, threads. Did you mean 'path'?
    """
    names = list(names)
    for name in given:
        if name not in names:
            raise OptionError(unknown(where, "option", name, names))


def options_of(kind: type, given: Any) -> Any:
    """Options of a class from a mapping; as they are where they are such, the usual ones for None.

    >>> from conntap.train.perturbations import Perturbation
    >>> options_of(Perturbation, {"kind": "clamp", "value": 0.5}).value
    0.5
    """
    if given is None or isinstance(given, kind):
        return kind() if given is None else given
    if not isinstance(given, Mapping):
        raise OptionError(f"{kind.__name__}: {given!r}; give names and values.")
    only(given, kind.__dataclass_fields__, kind.__name__)
    return kind(
        **{name: tuple(value) if isinstance(value, list) and name == "by" else value for name, value in given.items()}
    )
