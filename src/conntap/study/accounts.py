"""What a run took: units, failures, time, memory, and how evenly its workers were busy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Account"]


@dataclass
class Account:
    """Adds up the events of a run; a listener.

    Parameters
    ----------
    stages
        Name of stage -> its sums: done, failed, waiting, wall_s, cpu_s, peak_mb, longest_s.
    kinds
        Kind of failure -> how many.
    busy
        Worker -> seconds of wall time that its units took.

    Examples
    --------
    >>> account = Account()
    >>> for worker, wall_s in (("a", 3.0), ("b", 1.0)):
    ...     account({"event": "done", "stage": "n", "worker": worker, "wall_s": wall_s, "cpu_s": wall_s, "peak_mb": 9.0})
    >>> account.sums()["done"], account.imbalance
    (2, 1.5)
    """

    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take in one event."""
        what = event["event"]
        if what not in ("done", "failed", "waiting"):
            return
        sums = self.stages.setdefault(event["stage"], _nothing())
        sums[what] += 1
        if what == "failed":
            kind = event.get("kind", "error")
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
        wall_s = event.get("wall_s", 0.0)
        sums["wall_s"] += wall_s
        sums["cpu_s"] += event.get("cpu_s", 0.0)
        sums["longest_s"] = max(sums["longest_s"], wall_s)
        sums["peak_mb"] = max(sums["peak_mb"], event.get("peak_mb", 0.0))
        worker = event.get("worker", "")
        self.busy[worker] = self.busy.get(worker, 0.0) + wall_s

    def sums(self) -> dict[str, float]:
        """The sums of all stages (of memory and the longest unit, the largest)."""
        total = _nothing()
        for sums in self.stages.values():
            for name, value in sums.items():
                total[name] = max(total[name], value) if name in ("longest_s", "peak_mb") else total[name] + value
        return total

    @property
    def imbalance(self) -> float:
        """How much longer the busiest worker was busy than the mean one."""
        total = sum(self.busy.values())
        return max(self.busy.values()) * len(self.busy) / total if total else 1.0

    def plain(self) -> dict[str, Any]:
        """The account as JSON takes it."""
        return {"stages": self.stages, "kinds": self.kinds, "busy": self.busy}

    @staticmethod
    def merged(plain: Iterable[Mapping[str, Any]]) -> Account:
        """One account of several that `plain` gave."""
        whole = Account()
        for each in plain:
            for stage, sums in each["stages"].items():
                own = whole.stages.setdefault(stage, _nothing())
                for name, value in sums.items():
                    own[name] = max(own[name], value) if name in ("longest_s", "peak_mb") else own[name] + value
            for totals, name in ((whole.kinds, "kinds"), (whole.busy, "busy")):
                for key, value in each[name].items():
                    totals[key] = totals.get(key, 0) + value
        return whole


def _nothing() -> dict[str, float]:
    return {
        "done": 0, "failed": 0, "waiting": 0, "wall_s": 0.0, "cpu_s": 0.0, "peak_mb": 0.0, "longest_s": 0.0,
    }  # fmt: skip
