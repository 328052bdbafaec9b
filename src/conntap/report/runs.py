"""The section of the page on the launches of a study: what they took, advice, and what changed between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conntap.report.drawing import label
from conntap.report.tables import Table
from conntap.report.wording import counted, took

__all__ = ["told_runs"]

_CHANGES = 12  # shown of one launch


def told_runs(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The section's sentence, advice, tables and changes.

    Parameters
    ----------
    runs
        One mapping a launch, the oldest first (see `conntap.report.write_page`).

    Returns
    -------
    sentence, advice and stages of the last launch that says what it took; a table of all launches; changes by launch.
    """
    last = next((run for run in reversed(runs) if run.get("summary")), {})
    summary = last.get("summary", {})
    changed = [(run["launch"], _cut(run["changes"])) for run in runs if run.get("changes")]
    return {
        "sentence": _sentence(last, summary) if summary else "No launch says yet what it took.",
        "advice": list(summary.get("advice", ())),
        "stages": _stages(summary["stages"], last) if summary.get("stages") else None,
        "launches": _launches(runs),
        "changes": changed[::-1],
    }


def _sentence(run: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    failed = f", {summary['failed']:,} failed" if summary["failed"] else ""
    kinds = ", ".join(f"{number} {kind}" for kind, number in summary["kinds"].items())
    efficiency = f" ({summary['efficiency']:.0%} of their time in units)" if summary["efficiency"] is not None else ""
    busiest = (
        f"; the busiest had {summary['imbalance']:.2f} times the mean to do"
        if summary["workers"] > 1 and summary["work_s"]
        else ""
    )
    jobs = summary.get("jobs", 0)
    at = f"in {counted(jobs, 'job')}" if jobs else f"on {counted(summary['workers'], 'worker')}"
    return (
        f"Launch {run['launch']} computed {counted(summary['done'], 'unit')}{failed}{f' ({kinds})' if kinds else ''} in "
        f"{took(summary['wall_s'])} {at}{efficiency}{busiest}. Its units took "
        f"{took(summary['work_s'])} together, {took(summary['cpu_s'])} of CPU time, and at most {_gib(summary['peak_mb'])} "
        "GiB of memory."
    )


def _stages(stages: Mapping[str, Mapping[str, Any]], run: Mapping[str, Any]) -> Table:
    rows = [
        (
            label(name, 40),
            f"{int(each['done']):,}",
            f"{int(each['failed']):,}",
            took(each["wall_s"]),
            took(each["cpu_s"]),
            took(each["wall_s"] / max(1, each["done"] + each["failed"])),
            took(each["longest_s"]),
            _gib(each["peak_mb"]),
        )
        for name, each in stages.items()
    ]
    heads = ("stage", "done", "failed", "in units", "CPU", "a unit, mean", "longest", "memory, GiB")
    return Table(f"What the stages took in launch {run['launch']}.", heads, tuple(rows), (False, *[True] * 7))


def _launches(runs: Sequence[Mapping[str, Any]]) -> Table:
    heads = (
        "launch",
        "began",
        "where",
        "state",
        "done",
        "failed",
        "wall",
        "CPU",
        "workers",
        "in units",
        "busiest / mean",
    )
    rows = tuple(_launch(run) for run in reversed(runs))
    return Table("The launches of this study, the newest first.", heads, rows, (True, False, False, False, *[True] * 7))


def _launch(run: Mapping[str, Any]) -> tuple[str, ...]:
    summary = run.get("summary") or {}
    efficiency = summary.get("efficiency")
    return (
        str(run["launch"]),
        str(run["began"]).replace("T", " ")[:16],
        label(f"{run['where']}, {run['host']}", 40),
        str(run["state"]),
        f"{run['done']:,}",
        f"{run['failed']:,}",
        "–" if run["wall_s"] is None else took(run["wall_s"]),
        took(run["cpu_s"]),
        str(summary.get("workers", "–")),
        "–" if efficiency is None else f"{efficiency:.0%}",
        f"{summary['imbalance']:.2f}" if summary else "–",
    )


def _cut(changes: Sequence[str]) -> list[str]:
    more = [f"and {len(changes) - _CHANGES} more"] if len(changes) > _CHANGES else []
    return [label(each, 200) for each in changes[:_CHANGES]] + more


def _gib(mb: float) -> str:
    return f"{mb / 1024:.2f}"
