"""Activity: spikes and traces of nodes, in memory or lazily from files."""

from __future__ import annotations

from conntap.activity.codecs import register_codecs
from conntap.activity.spike_files import read_spikes, write_spikes
from conntap.activity.spikes import Spikes
from conntap.activity.trace_files import read_traces, write_traces
from conntap.activity.traces import Traces

__all__ = ["Spikes", "Traces", "read_spikes", "read_traces", "register_codecs", "write_spikes", "write_traces"]
