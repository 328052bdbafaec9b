"""How activity is kept in a store: the encodings "spikes" and "traces"."""

from __future__ import annotations

import pandas as pd

from conntap.activity.spikes import Spikes
from conntap.activity.traces import Traces
from conntap.store import codecs
from conntap.store.codecs import Encoded
from conntap.store.columns import smallest

__all__ = ["register_codecs", "without_values"]


def register_codecs() -> None:
    """Tell the store how to keep Spikes and Traces.

    Both pack their ids (a series) and, from version 2 on, where something is known of the nodes, the table `nodes`,
    whose rows are in the order of the ids. Spikes are `rows` (positions among the ids) and `times_ms`; traces are
    `values`, of shape (time, nodes).

    Examples
    --------
    >>> register_codecs()
    >>> codecs.encode(Spikes([0], [1.0], duration_ms=2)).encoding
    'spikes'
    """
    codecs.register("spikes", version=2, types=(Spikes,), encode=_encode_spikes, decode=_decode_spikes)
    codecs.register("traces", version=2, types=(Traces,), encode=_encode_traces, decode=_decode_traces)


def _encode_spikes(spikes: Spikes) -> Encoded:
    arrays, attrs = codecs.pack(_tables(spikes))
    own = {"rows": smallest(spikes.rows), "times_ms": spikes.times_ms}
    return Encoded("spikes", 2, own | arrays, {"start_ms": spikes.start_ms, "duration_ms": spikes.duration_ms, **attrs})


def _decode_spikes(encoded: Encoded) -> Spikes:
    ids, nodes, own = _apart(encoded, ("rows", "times_ms"))
    attrs = encoded.attrs
    return Spikes(
        ids.to_numpy()[own["rows"]],
        own["times_ms"],
        duration_ms=attrs["duration_ms"],
        ids=ids,
        start_ms=attrs["start_ms"],
        nodes=nodes,
    )


def without_values(activity: Spikes | Traces) -> Encoded:
    """Spikes as a store keeps them; traces without their values, which may be lazy."""
    return _encode_spikes(activity) if isinstance(activity, Spikes) else _frame_of(activity)


def _frame_of(traces: Traces) -> Encoded:
    arrays, attrs = codecs.pack(_tables(traces))
    attrs |= {"dt_ms": traces.dt_ms, "start_ms": traces.start_ms, "unit": traces.unit}
    return Encoded("traces", 2, arrays, attrs)


def _encode_traces(traces: Traces) -> Encoded:
    frame = _frame_of(traces)
    return Encoded("traces", 2, {"values": traces.to_numpy(), **frame.arrays}, frame.attrs)


def _decode_traces(encoded: Encoded) -> Traces:
    ids, nodes, own = _apart(encoded, ("values",))
    sampling = {name: encoded.attrs[name] for name in ("dt_ms", "start_ms", "unit")}
    return Traces(own["values"], ids=ids, nodes=nodes, **sampling)


def _tables(activity: Spikes | Traces) -> dict[str, Encoded]:
    tables = {"ids": codecs.encode(pd.Series(activity.ids))}
    if len(activity.nodes.columns):
        tables["nodes"] = codecs.encode(activity.nodes.reset_index(drop=True))
    return tables


def _apart(encoded: Encoded, names: tuple[str, ...]) -> tuple[pd.Series, pd.DataFrame | None, dict]:
    """The ids, the table of nodes where there is one, and the arrays named."""
    own = {name: encoded.arrays[name] for name in names}
    rest = {name: array for name, array in encoded.arrays.items() if name not in names}
    tables = {name: codecs.decode(part) for name, part in codecs.unpack(rest, encoded.attrs).items()}
    if "nodes" not in tables:
        return tables["ids"], None, own
    return tables["ids"], tables["nodes"].set_axis(pd.Index(tables["ids"], name="id")), own
