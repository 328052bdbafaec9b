"""Names under which others keep spikes: columns or arrays of times, and of nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from conntap.activity.asked import Asked
from conntap.errors import ActivityError, unknown

__all__ = ["spike_columns", "unit_of"]

_TIME = re.compile(r"(?:spike_?)?(?:times?|timestamps?|t)(?:[_ ]?[\[(]?(ms|us|s|sec|seconds)[\])]?)?", re.IGNORECASE)
_SECONDS = {"sec": "s", "seconds": "s"}
_NODES = {"gid", "gids", "id", "ids", "channel", "electrode", "senders"}
_NODES |= {each + ending for each in ("node", "neuron", "cell", "unit") for ending in ("", "s", "_id", "_ids")}


def spike_columns(names: Iterable[Any], asked: Asked, where: str) -> tuple[Any, Any]:
    """Which names are those of times and of nodes: those that are asked for, else known ones; None where there is none.

    Examples
    --------
    >>> spike_columns(["neuron", "time [s]", "depth"], Asked(), "here")
    ('time [s]', 'neuron')
    """
    names = list(names)
    time, node = _asked(names, asked.times, where, "times"), _asked(names, asked.nodes, where, "nodes")
    if time is None:
        time = next((each for each in names if isinstance(each, str) and _TIME.fullmatch(each) and each != node), None)
    if node is None:
        node = next((each for each in names if isinstance(each, str) and each.lower() in _NODES and each != time), None)
    return time, node


def unit_of(name: Any) -> str | None:
    """The unit of time that a name tells, None where it tells none.

    Examples
    --------
    >>> unit_of("time_s"), unit_of("spike_t")
    ('s', None)
    """
    match = _TIME.fullmatch(str(name))
    unit = match and match.group(1)
    return _SECONDS.get(unit.lower(), unit.lower()) if unit else None


def _asked(names: list[Any], name: Any, where: str, what: str) -> Any:
    """The name that is asked for, which may be the number of a column."""
    if name is None:
        return None
    found = [each for each in names if str(each) == str(name)]
    if not found:
        raise ActivityError(unknown(where, f"column or array of {what}", name, names))
    return found[0]
