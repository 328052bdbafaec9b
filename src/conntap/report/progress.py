"""How far a run is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO, Any

from rich import progress
from rich.console import Console

__all__ = ["Progress"]


class Progress:
    """A listener to a run: a bar a stage on a terminal; elsewhere one line a stage.

    Examples
    --------
    >>> import sys
    >>> with Progress(sys.stdout) as listen:
    ...     listen({"event": "stage", "stage": "counts", "units": 1, "skipped": 0})
    ...     listen({"event": "done", "stage": "counts"})
    counts: 1 units
    """

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        self.bars: Any = None
        self.tasks: dict[str, Any] = {}
        self.totals: dict[str, list[int]] = {}

    def __enter__(self) -> Callable[[Mapping[str, Any]], None]:
        if self.stream.isatty():
            columns = (progress.TextColumn("{task.description:16}"), progress.BarColumn(), progress.MofNCompleteColumn(), progress.TimeElapsedColumn(), progress.TextColumn("{task.fields[note]}"))  # fmt: skip
            self.bars = progress.Progress(*columns, console=Console(file=self.stream))
            self.bars.start()
        return self.listen

    def __exit__(self, *_: object) -> None:
        if self.bars is not None:
            self.bars.stop()

    def listen(self, event: Mapping[str, Any]) -> None:
        what = event["event"]
        if what == "stage":
            self.stage(event["stage"], event["units"], event["skipped"])
        elif what in ("done", "failed", "waiting"):
            count = self.totals[event["stage"]]
            count[0] += 1
            count[1] += what == "failed"
            note = f"{count[1]} failed" if count[1] else ""
            if self.bars is not None:
                self.bars.update(self.tasks[event["stage"]], advance=1, note=note)
            elif count[0] == count[2]:
                self.stream.write(f"{event['stage']}: {count[0]} units{', ' + note if note else ''}" + "\n")

    def stage(self, name: str, units: int, skipped: int) -> None:
        self.totals[name] = [0, 0, units]
        if self.bars is not None:
            self.tasks[name] = self.bars.add_task(name, total=units + skipped, completed=skipped, note="")
        elif units == 0:
            self.stream.write(f"{name}: all {skipped} units done before" + "\n")
