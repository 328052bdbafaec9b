"""Activity: spikes and traces of nodes, in memory or lazily from files."""

from __future__ import annotations

from conntap.activity.codecs import register_codecs
from conntap.activity.reading import read, read_spikes, read_traces
from conntap.activity.spikes import Spikes
from conntap.activity.traces import Traces
from conntap.activity.writing import write_spikes, write_traces

__all__ = [
    "Spikes",
    "Traces",
    "read",
    "read_spikes",
    "read_traces",
    "register_codecs",
    "write_spikes",
    "write_traces",
]
