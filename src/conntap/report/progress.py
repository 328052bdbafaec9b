"""How far a run is: a live table on a terminal; elsewhere few lines, as a batch log wants them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from conntap.report.wording import first_line, took

__all__ = ["Progress"]

_FAILURES = 5  # shown as they happen; the rest is counted
_HEARTBEAT_S = 30.0  # until the first line of a stage that goes on; then twice as long each time
_LONGEST_SILENCE_S = 3600.0
_LEAST_BAR = 5
_WINDOW_S = 60.0  # over which the rate is taken
_COLUMNS = {"stage": 8, "": 20, "done": 7, "failed": 6, "waiting": 7, "of": 7, "rate": 8, "left": 13}


@dataclass
class _Stage:
    """How far one stage is."""

    units: int
    skipped: int = 0
    done: int = 0
    failed: int = 0
    waiting: int = 0
    began: float | None = None
    ended: float | None = None
    told: float = 0.0
    silence: float = _HEARTBEAT_S
    ends: deque[float] = field(default_factory=lambda: deque(maxlen=2000))

    @property
    def over(self) -> int:
        return self.done + self.failed + self.waiting

    def rate(self, now: float) -> float:
        """Units a second: of the last minute, or of all where fewer than two ended in it."""
        recent = [end for end in self.ends if now - end < _WINDOW_S]
        if self.ended is not None or len(recent) < 2 or len(recent) == self.over:
            spent = (self.ended or now) - (self.began if self.began is not None else now)
            return self.over / spent if spent > 0 else 0.0
        return len(recent) / max(now - recent[0], 1e-9)

    def left_s(self, now: float) -> float | None:
        rate = self.rate(now)
        return (self.units - self.over) / rate if rate > 0 and self.over < self.units else None


class Progress:
    """A listener to a run: a live table of its stages on a terminal; elsewhere a line a stage, and one now and then.

    Parameters
    ----------
    stream
        Where it is shown.
    clock
        Gives the seconds of a clock that never goes back.

    Examples
    --------
    >>> import sys
    >>> with Progress(sys.stdout, clock=lambda: 0.0) as listen:
    ...     listen({"event": "stage", "stage": "counts", "units": 1, "skipped": 0})
    ...     listen({"event": "done", "stage": "counts"})
    counts: 1 units, 0 s
    """

    def __init__(self, stream: IO[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.stream, self.clock = stream, clock
        self.stages: dict[str, _Stage] = {}
        self.at_work: dict[str, str] = {}
        self.starts = False  # whether anyone tells what workers begin
        self.cluster: dict[str, Any] = {}
        self.jobs: dict[str, int] = {}
        self.failures = 0
        self.phase = self.trouble = ""
        self.live: Live | None = None

    def __enter__(self) -> Callable[[Mapping[str, Any]], None]:
        if self.stream.isatty():
            console = Console(file=self.stream, highlight=False)
            self.live = Live(console=console, get_renderable=lambda: self.shown(console.width), refresh_per_second=4)
            self.live.start()
        return self.listen

    def __exit__(self, kind: object, *_: object) -> None:
        self.phase = ""
        if self.live is not None:
            self.live.stop()
            self.live = None
        elif kind is not None:
            for name, stage in self.stages.items():
                if stage.began is not None and stage.ended is None and stage.over:
                    self.write(f"{name}: stopped; {self.so_far(stage)}")

    def listen(self, event: Mapping[str, Any]) -> None:
        what = event["event"]
        if what == "launch":
            self.stages = {name: _Stage(each["units"], each["skipped"]) for name, each in event["stages"].items()}
        elif what in ("setup", "collect"):
            self.phase = {"setup": "setting up", "collect": "collecting"}[what]
        elif what == "stage":
            self.begin(event["stage"], event["units"], event["skipped"])
        elif what == "start":
            self.started(event)
        elif what in ("done", "failed", "waiting"):
            self.ended(event)
        elif what == "cluster":
            self.on_cluster({k: v for k, v in event.items() if k != "event"})
        elif what == "jobs":
            self.jobs = dict(event["states"])
        elif what == "trouble" and event["message"] != self.trouble:
            self.trouble = event["message"]
            self.write(self.trouble)
        if self.live is None and what not in ("setup", "launch"):
            self.heartbeat()

    def begin(self, name: str, units: int, skipped: int) -> None:
        """A stage begins; one that began before begins anew."""
        self.phase = ""
        now = self.clock()
        self.stages[name] = _Stage(units, skipped, began=now, told=now, ended=None if units else now)
        if not units and self.live is None:
            self.write(f"{name}: all {skipped} units done before")

    def started(self, event: Mapping[str, Any]) -> None:
        stage = self.stages.get(event["stage"])
        if stage is not None and stage.began is None:  # stages of a cluster overlap
            stage.began = stage.told = self.clock()
        self.at_work[str(event.get("worker", ""))] = event["stage"]
        self.starts = True

    def ended(self, event: Mapping[str, Any]) -> None:
        """A unit ended."""
        name, now = event["stage"], self.clock()
        stage = self.stages.setdefault(name, _Stage(0, began=now, told=now))
        stage.began = now if stage.began is None else stage.began
        if event["event"] == "done" and event.get("earlier"):
            stage.units, stage.skipped = stage.units - 1, stage.skipped + 1  # when is not known: it has no rate
        else:
            setattr(stage, event["event"], getattr(stage, event["event"]) + 1)
            stage.ends.append(now)
        self.at_work.pop(str(event.get("worker", "")), None)
        if event["event"] == "failed":
            self.failed(event)
        if stage.over >= stage.units and stage.ended is None:
            stage.ended = now
            told = f"{stage.over} units{_troubles(stage)}, {took(now - stage.began)}"
            if self.live is None:
                self.write(f"{name}: {told if stage.over else f'all {stage.skipped} units done before'}")

    def failed(self, event: Mapping[str, Any]) -> None:
        """Show the first few failures as they happen."""
        self.failures += 1
        if self.failures <= _FAILURES:
            why = first_line(event.get("error")) or event.get("kind") or "no message"
            self.write(f"failed: {event['stage']}: {why}")
        elif self.failures == _FAILURES + 1:
            self.write("further failures are only counted here; `tap status` tells of them")

    def on_cluster(self, about: Mapping[str, Any]) -> None:
        """What is known of a cluster; its dashboard is told once."""
        link = about.get("dashboard")
        if link and link != self.cluster.get("dashboard") and self.live is None:
            self.write(f"dashboard: {link}")
        self.cluster |= about

    def heartbeat(self) -> None:
        """A line of a stage that goes on, at growing intervals."""
        now = self.clock()
        for name, stage in self.stages.items():
            if stage.began is not None and stage.ended is None and now - stage.told >= stage.silence:
                stage.told, stage.silence = now, min(2 * stage.silence, _LONGEST_SILENCE_S)
                left = stage.left_s(now)
                end = f", about {_about(left)} left" if left is not None else ""
                jobs = f"; jobs: {_counted(self.jobs)}" if self.jobs else ""
                self.write(f"{name}: {self.so_far(stage)}{end}{jobs}")

    def so_far(self, stage: _Stage) -> str:
        spent = took(self.clock() - (stage.began or 0.0))
        return f"{stage.over} of {stage.units} units{_troubles(stage)} after {spent}"

    def write(self, line: str) -> None:
        """A line of its own, above the table where there is one."""
        if self.live is not None:
            self.live.console.print(Text(line, style="red" if line.startswith("failed") else ""))
        else:
            self.stream.write(line + "\n")
            self.stream.flush()

    def shown(self, width: int = 120) -> RenderableType:
        """The table with a line of workers and jobs below, as it fits into so many columns of a terminal."""
        now = self.clock()
        rows = [self.row(name, stage, now) for name, stage in self.stages.items()]
        fitting = _fitting(rows, width)
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for head, least in fitting.items():
            left, fold = head in ("stage", ""), head == "stage"
            how = "fold" if fold else "ellipsis"
            table.add_column(
                head,
                justify="left" if left else "right",
                no_wrap=not fold,
                overflow=how,
                min_width=0 if fold else least,
            )
        for row, stage in zip(rows, self.stages.values(), strict=True):
            row[""] = _bar(stage.over + stage.skipped, stage.units + stage.skipped, stage.failed, fitting.get("", 0))
            table.add_row(*(row[head] for head in fitting))
        below = [Text(line, style="dim") for line in self.below()]
        return Group(*([table] if self.stages else []), *below)

    def row(self, name: str, stage: _Stage, now: float) -> dict[str, str]:
        total = stage.units + stage.skipped
        failed = f"[red]{stage.failed:,}[/red]" if stage.failed else ""
        waiting = f"[yellow]{stage.waiting:,}[/yellow]" if stage.waiting else ""
        rate = f"{_per_second(stage.rate(now))}" if stage.over and stage.units else ""
        left = stage.left_s(now)
        end = f"~{_about(left)}" if left is not None and stage.over else ""
        if stage.ended is not None and stage.units:
            end = f"took {took(stage.ended - (stage.began or 0.0))}"
        done = f"{stage.done + stage.skipped:,}"
        cells = (escape(name), "", done, failed, waiting, f"{total:,}", rate, end)
        return dict(zip(_COLUMNS, cells, strict=True))

    def below(self) -> list[str]:
        parts = []
        known = self.cluster.get("workers")
        if self.starts:
            parts.append(f"workers busy: {len(self.at_work)}" + (f" of {known}" if known is not None else ""))
        elif known is not None:
            parts.append(f"workers: {known}")
        if self.jobs:
            parts.append(f"jobs: {_counted(self.jobs)}")
        if self.cluster.get("name"):
            parts.append(str(self.cluster["name"]))
        if self.cluster.get("dashboard"):
            parts.append(str(self.cluster["dashboard"]))
        return [line for line in ("  ".join(parts), self.phase) if line]


def _about(seconds: float) -> str:
    """An expected time, in whole seconds."""
    return took(max(1, round(seconds)))


def _troubles(stage: _Stage) -> str:
    failed = f", {stage.failed} failed" if stage.failed else ""
    return failed + (f", {stage.waiting} waiting" if stage.waiting else "")


def _counted(states: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in states.items() if number) or "none"


def _fitting(rows: Sequence[Mapping[str, str]], width: int) -> dict[str, int]:
    """The columns that a terminal has room for, each with its width: the bar shrinks first, then what says least goes."""
    found = {
        head: max(least, *(Text.from_markup(row[head]).cell_len for row in rows), 0) for head, least in _COLUMNS.items()
    }
    spare = lambda: width - sum(found.values()) - 2 * len(found)  # noqa: E731
    found[""] = max(_LEAST_BAR, found[""] + min(0, spare()))
    for head in ("waiting", "failed", "", "rate"):
        told = head in ("waiting", "failed") and any(row[head] for row in rows)
        if spare() < 0 and not told:
            found.pop(head)
    return found


def _bar(over: int, total: int, failed: int, width: int) -> str:
    filled = width if not total else min(width, width * over // total)
    colour = "red" if failed else "green" if over >= total else "cyan"
    return f"[{colour}]{'━' * filled}[/{colour}][dim]{'─' * (width - filled)}[/dim]"


def _per_second(rate: float) -> str:
    if rate >= 10:
        return f"{rate:,.0f}/s"
    return f"{rate:.1f}/s" if rate >= 0.5 else f"{rate * 60:.1f}/min" if rate * 60 >= 0.5 else f"{rate * 3600:.1f}/h"
