"""How the synapses of connections that change, and of new ones, are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from conntap.errors import OptionError, one_of, unknown
from conntap.manipulate.made import model_given

__all__ = ["Made", "made_of"]

_HOW = ("reuse", "sample")


@dataclass(frozen=True)
class Made:
    """How the synapses of connections are made.

    Parameters
    ----------
    how
        "reuse": connections go on with other sources, with all their synapses, and only those that lack are new; "sample":
        those that change are all new.
    by
        A property of post nodes, such as their type: new connections are made like those onto post nodes of the same value;
        None: like any.
    synapses
        A model of how many synapses new connections have; None: as many as the one each is made like. Where it says more, they
        take the properties of its synapses in turn.
    values
        A model of properties of the synapses of new connections; None: as those of the one each is made like.

    >>> Made(by="layer").how
    'reuse'
    """

    how: Literal["reuse", "sample"] = "reuse"
    by: str | None = None
    synapses: object = None
    values: object = None


def made_of(value: Any, where: str) -> tuple[Made, Any]:
    """What an option `properties` says: how synapses are made, and the model of all that change, or None.

    Raises
    ------
    OptionError
        An unknown word or name, or what is no model.

    Examples
    --------
    >>> made_of({"how": "sample", "by": "layer"}, "rewire")
    (Made(how='sample', by='layer', synapses=None, values=None), None)
    """
    where = f"{where}.properties"
    if isinstance(value, str):
        one_of(where, value, _HOW)
        return Made(how=value), None  # type: ignore[arg-type]
    if isinstance(value, Mapping) and not {"kind", "path"} & set(value):
        names = [each.name for each in fields(Made)]
        for name in value:
            if name not in names:
                raise OptionError(unknown(where, "name", name, names))
        value = Made(**value)
    if not isinstance(value, Made):
        return Made(), model_given(value, "properties", where.removesuffix(".properties"))
    one_of(f"{where}.how", value.how, _HOW)
    if value.by is not None and not isinstance(value.by, str):
        raise OptionError(f"{where}.by: {value.by!r}; give a property of post nodes.")
    models = (model_given(getattr(value, name), name, where) for name in ("synapses", "values"))
    return Made(value.how, value.by, *models), None
