"""How activity is kept in a store: the encodings "spikes" and "traces"."""

from __future__ import annotations

import pandas as pd

from conntap.activity.spikes import Spikes
from conntap.activity.traces import Traces
from conntap.store import codecs
from conntap.store.codecs import Encoded
from conntap.store.columns import smallest

__all__ = ["register_codecs"]


def register_codecs() -> None:
    """Tell the store how to keep Spikes and Traces.

    Examples
    --------
    >>> register_codecs()
    >>> codecs.encode(Spikes([0], [1.0], duration_ms=2)).encoding
    'spikes'
    """
    codecs.register("spikes", version=1, types=(Spikes,), encode=_encode_spikes, decode=_decode_spikes)
    codecs.register("traces", version=1, types=(Traces,), encode=_encode_traces, decode=_decode_traces)


def _encode_spikes(spikes: Spikes) -> Encoded:
    arrays, attrs = codecs.pack({"ids": codecs.encode(pd.Series(spikes.ids))})
    own = {"rows": smallest(spikes.rows), "times_ms": spikes.times_ms}
    return Encoded("spikes", 1, own | arrays, {"start_ms": spikes.start_ms, "duration_ms": spikes.duration_ms, **attrs})


def _decode_spikes(encoded: Encoded) -> Spikes:
    ids, own = _ids(encoded, ("rows", "times_ms"))
    attrs = encoded.attrs
    return Spikes(
        ids.to_numpy()[own["rows"]],
        own["times_ms"],
        duration_ms=attrs["duration_ms"],
        ids=ids,
        start_ms=attrs["start_ms"],
    )


def _encode_traces(traces: Traces) -> Encoded:
    arrays, attrs = codecs.pack({"ids": codecs.encode(pd.Series(traces.ids))})
    own = {"values": traces.to_numpy()}
    attrs |= {"dt_ms": traces.dt_ms, "start_ms": traces.start_ms, "unit": traces.unit}
    return Encoded("traces", 1, own | arrays, attrs)


def _decode_traces(encoded: Encoded) -> Traces:
    ids, own = _ids(encoded, ("values",))
    attrs = encoded.attrs
    return Traces(own["values"], dt_ms=attrs["dt_ms"], ids=ids, start_ms=attrs["start_ms"], unit=attrs["unit"])


def _ids(encoded: Encoded, names: tuple[str, ...]) -> tuple[pd.Series, dict]:
    own = {name: encoded.arrays[name] for name in names}
    rest = {name: array for name, array in encoded.arrays.items() if name not in names}
    return codecs.decode(codecs.unpack(rest, encoded.attrs)["ids"]), own
