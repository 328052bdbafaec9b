"""What a fit gives: the model, how sure its numbers are, the data beside it, and how well it foretells other nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from conntap.errors import FormatError, OptionError

__all__ = ["Fitted", "ModelFile", "from_file", "model_of"]

_File = Mapping[Literal["path"], Path]
ModelFile = _File | Mapping[str, _File | object]
"""A model in a file, as a document names it: {path: model.json}, relative to the document; or what holds such models by name."""

_TABLES = ("numbers", "bins", "validation")


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model and what it rests on.

    Parameters
    ----------
    model
        The model, which stands by itself.
    numbers
        Its numbers: `value`, standard `error` (and `fold_error` where there were folds), by "parameter", before it the
        pathway; empty for a table.
    bins
        The data beside the model.
    validation
        By "fold": how well the model that was fitted without the nodes of the fold foretells their pairs; empty
        without folds.
    facts
        What it was fitted to: plain values.

    >>> from conntap.circuits.rules.values import Constant
    >>> Fitted(Constant(0.1), pd.DataFrame(), pd.DataFrame())
    Fitted(Constant(p=0.1))
    """

    model: Any
    numbers: pd.DataFrame
    bins: pd.DataFrame
    validation: pd.DataFrame = field(default_factory=pd.DataFrame)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in _TABLES:
            if not isinstance(getattr(self, name), pd.DataFrame):
                raise OptionError(f"rules.Fitted.{name}: give a table.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fitted):
            return NotImplemented
        tables = all(getattr(self, name).equals(getattr(other, name)) for name in _TABLES)
        return self.model == other.model and tables and dict(self.facts) == dict(other.facts)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        text = repr(self.model)
        return f"Fitted({text if len(text) <= 200 else text[:197] + '...'})"


def from_file(value: Any, *, part: Literal["model", "synapses"] = "model", where: str = "model") -> Any:
    """What a file holds, where a value is {path: model.json}; else the value itself.

    Raises
    ------
    OptionError
        There is no such file, or no model in it.

    Examples
    --------
    >>> from_file(0.5)
    0.5
    """
    from conntap.circuits.rules.storing import load

    if not isinstance(value, Mapping) or "path" not in value:
        return value
    if len(value) > 1 or not isinstance(value["path"], str | Path):
        raise OptionError(f"{where}: {dict(value)!r}; give {{path: model.json}}, and nothing else.")
    try:
        return load(value["path"], part=part)
    except FormatError as error:
        raise OptionError(f"{where}: {error}") from None


def model_of(value: Any, where: str = "model") -> Any:
    """The model in what was fitted, read from a file or from plain values, or given itself.

    Raises
    ------
    OptionError
        It is no model.

    Examples
    --------
    >>> model_of({"kind": "Constant", "p": 0.5})
    Constant(p=0.5)
    """
    from conntap.circuits.rules.storing import is_model
    from conntap.circuits.rules.values import rule_from_dict

    value = from_file(value, where=where)
    if isinstance(value, Fitted):
        return value.model
    if isinstance(value, Mapping):
        return rule_from_dict(value, where=where)
    if is_model(value) or hasattr(value, "probabilities"):
        return value
    if isinstance(value, str | Path):
        raise OptionError(f"{where}: {str(value)!r} is text; a model in a file is given as {{path: {value}}}.")
    raise OptionError(f"{where}: a {type(value).__name__} is no model; give one that was fitted or loaded, or a rule.")
