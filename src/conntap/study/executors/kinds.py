"""What an executor is: a function from jobs to states, which tells a listener what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from conntap.study.jobs import Job

__all__ = ["Executor", "Listener"]

Listener = Callable[[Mapping[str, Any]], None]
"""Called with each event: `{"event": "start" | "done" | "failed" | "waiting", "stage", "batch", "key", "worker", ...}` of a
unit ("done" and "failed" tell "wall_s", "cpu_s" and "peak_mb", "failed" also "kind" and "error"), and `{"event": "tick"}` a
few times a second. Of a cluster: `{"event": "cluster", "name", "workers", "dashboard"}` (whatever is known, again when it
changes) and `{"event": "jobs", "states": {"pending": 3, "running": 2, ...}}`, and `{"event": "trouble",
"message"}` where it does not answer. Before the first unit `{"event": "launch",
"launch", "stages": {name: {"units", "skipped", ...}}}`."""

Executor = Callable[[Iterable[Job]], dict[str, str]]
"""Runs jobs; gives what became of each unit: key -> "done", "failed" or "waiting"."""
