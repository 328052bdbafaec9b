"""Activity as the store keeps it, in a file of its own: an HDF5 file, or a zarr store.

The arrays are those of the encodings "spikes" and "traces" (`conntap.activity.codecs`); the attribute `conntap` holds
the rest as JSON: `encoding`, `version` and `attrs`. Values of traces have the shape (time, nodes) and stay lazy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from conntap.activity.codecs import register_codecs, without_values
from conntap.activity.spikes import Spikes
from conntap.activity.traces import Traces
from conntap.errors import ActivityError
from conntap.store import codecs
from conntap.store.codecs import Encoded

__all__ = ["apart", "together"]

_PARTS = {"series", "table"}


def apart(activity: Spikes | Traces) -> tuple[dict[str, np.ndarray], str]:
    """The arrays (of traces all but their values) and the text of the attribute."""
    encoded = without_values(activity)
    text = codecs.json_text({"encoding": encoded.encoding, "version": encoded.version, "attrs": encoded.attrs})
    return encoded.arrays, text


def together(text: Any, arrays: Mapping[str, np.ndarray], values: Any, path: Path) -> Spikes | Traces:
    """The activity again; `values` are those of traces, perhaps lazy."""
    register_codecs()
    text = text.decode() if isinstance(text, bytes) else str(text)
    told = json.loads(text)
    encoded = Encoded(told["encoding"], int(told["version"]), dict(arrays), told["attrs"])
    parts = {part[1] for part in encoded.attrs["parts"]}
    if encoded.encoding not in ("spikes", "traces") or not parts <= _PARTS:
        raise ActivityError(f"{path}: an encoding {encoded.encoding!r} of {sorted(parts)}, which is no activity.")
    if encoded.encoding == "spikes":
        return codecs.decode(encoded)
    if values is None:
        raise ActivityError(f"{path}: traces without values. Write the file again.")
    return codecs.decode(replace(encoded, arrays={**encoded.arrays, "values": values}))
