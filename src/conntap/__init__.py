"""conntap: a workbench for connectomes.

Three nouns (Circuit, Connectome, Activity), six verbs (build, manipulate, analyze, infer, train, report) and one
runner (a study). Everything here is imported when it is first used.

>>> import conntap
>>> conntap.Connectome(3, [0, 1], [1, 2])
Connectome(3 nodes, 2 edges)
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Circuit": "conntap.circuits",
    "Connectome": "conntap.circuits",
    "Spikes": "conntap.activity",
    "Traces": "conntap.activity",
    "open_circuit": "conntap.circuits",
    "open_store": "conntap.store",
    "read": "conntap.circuits.formats",
    "run": "conntap.study",
    "stream": "conntap.seeds",
    "write": "conntap.circuits.formats",
}
_ROOMS = (
    "activity",
    "analyze",
    "build",
    "circuits",
    "errors",
    "infer",
    "manipulate",
    "report",
    "store",
    "study",
    "topology",
    "train",
)

__all__ = sorted([*_HOMES, *_ROOMS])


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"conntap.{name}")
    raise AttributeError(f"module 'conntap' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
