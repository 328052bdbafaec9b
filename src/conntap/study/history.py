"""Former launches of a study, and what changed between two of them."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import psutil

from conntap.errors import StudyError
from conntap.study.accounts import Account
from conntap.study.advice import summary
from conntap.study.document import values_of
from conntap.study.launches import Launch, find_launch, launches
from conntap.study.locking import is_running
from conntap.study.records import Records, stage_folder

__all__ = ["Change", "changes", "history", "runs"]

_UNTOLD = ("run", "seed", "extends")  # of a document: the launch itself says which held


def history(out: Path) -> list[dict[str, Any]]:
    """All launches of a study, the oldest first, as JSON takes them.

    Returns
    -------
    For each: launch, began, where, host, user, state, units (that were to do), done, failed, waiting, wall_s, cpu_s, peak_mb.
    `state` is "ended", "stopped" (from outside), "at work", "killed" (nobody wrote how it ended), or "unknown" where it ran
    on another machine that does not tell.

    Notes
    -----
    Of a launch that did not say how it ended, units are counted by their records: about 0.1 ms a record.
    """
    found = list(launches(out))
    _settle_cluster(out, found)
    return [_told(out, launch, following) for launch, following in zip_longest(found, found[1:])]


def runs(out: Path, *, most: int = 50) -> list[dict[str, Any]]:
    """The last launches as a report tells of them: those of `history`, each with `summary` (what it took, and advice; empty
    where it did not say) and `changes` since the launch before it (sentences).
    """
    rows = history(out)[-most:]
    for before, row in zip_longest([None, *rows[:-1]], rows):
        launch = find_launch(out, row["launch"])
        row["summary"] = summary(launch) if launch.outcome else {}
        row["changes"] = [] if before is None else list(map(str, changes(out, before["launch"], row["launch"])))
    return rows


def _settle_cluster(out: Path, found: list[Launch]) -> None:
    """Let what follows jobs of a cluster note those that ended since."""
    if any(not each.outcome and (each.folder / "jobs.json").exists() for each in found):
        from conntap.study.slurm.following import active

        active(out)


def _told(out: Path, launch: Launch, following: Launch | None) -> dict[str, Any]:
    about, outcome = launch.about, launch.outcome
    end = "" if following is None else following.about.get("began", "")
    began = _seconds(about.get("began", ""))
    if outcome:
        account, state, wall_s = (
            Account.merged([_account(outcome)]),
            outcome.get("state", "ended"),
            outcome.get("wall_s"),
        )
    else:
        account, last = _counted(out, about, began, _seconds(end) or float("inf"))
        state = _state(out, launch, newest=following is None)
        wall_s = (
            (time.time() if state == "at work" else last) - began if began and (last or state == "at work") else None
        )
    sums = account.sums()
    return {
        "launch": launch.number,
        "began": about.get("began", ""),
        "where": about.get("run", {}).get("where", "local"),
        "host": about.get("host", ""),
        "user": about.get("user", ""),
        "state": state,
        "units": sum(int(each.get("units", 0)) for each in about.get("stages", {}).values()),
        **{name: int(sums[name]) for name in ("done", "failed", "waiting")},
        "wall_s": wall_s,
        "cpu_s": sums["cpu_s"],
        "peak_mb": sums["peak_mb"],
    }


def _account(outcome: Mapping[str, Any]) -> dict[str, Any]:
    return {name: outcome.get(name, {}) for name in ("stages", "kinds", "busy")}


def _seconds(began: str) -> float:
    """Seconds since 1970 of a time as a launch notes it; 0 where it cannot be read."""
    try:
        return datetime.strptime(began, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except ValueError:
        return 0.0


def _counted(out: Path, about: Mapping[str, Any], began: float, end: float) -> tuple[Account, float]:
    """What was recorded between two times, and when the last of it ended."""
    account, last = Account(), 0.0
    for stage in about.get("stages", {}):
        records = Records(stage_folder(out, stage)).refresh()
        for record in [*records.done.values(), *records.failed.values()]:
            if began <= record.time < end and record.wall_s:
                last = max(last, record.time + record.wall_s)
                account(
                    {
                        "event": "failed" if record.kind else "done",
                        "stage": stage,
                        "kind": record.kind,
                        **{name: getattr(record, name) for name in ("wall_s", "cpu_s", "peak_mb")},
                    }
                )
    return account, last


def _state(out: Path, launch: Launch, *, newest: bool) -> str:
    """Of a launch that did not say how it ended."""
    about = launch.about
    if (launch.folder / "jobs.json").exists():
        return "at work"  # else its end would have been noted
    if not newest:
        return "killed"
    if about.get("host") != platform.node():
        return "at work" if is_running(out) else "unknown"
    process = about.get("process", 0)
    own = process == os.getpid()
    return "at work" if own or (psutil.pid_exists(process) and is_running(out)) else "killed"


@dataclass(frozen=True)
class Change:
    """What was one thing in an earlier launch and is another in a later one; None where it was or is not there."""

    what: str
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.what}: {_brief(self.after)} is new"
        if self.after is None:
            return f"{self.what}: {_brief(self.before)} is gone"
        return f"{self.what}: {_brief(self.before)} -> {_brief(self.after)}"

    def plain(self) -> dict[str, Any]:
        """The change as JSON takes it."""
        return {"what": self.what, "before": self.before, "after": self.after}


def changes(out: Path, one: int, two: int) -> list[Change]:
    """What changed from one launch of a study to another: the document, versions of steps, circuits, seed, run options.

    Raises
    ------
    RunError
        There is no such launch.
    """
    before, after = find_launch(out, one), find_launch(out, two)
    found = [*_of_documents(before, after), *_of_launches(before.about, after.about)]
    if before.about.get("hash") == after.about.get("hash") and not found and _text(before) != _text(after):
        found = [Change("the document", "as it was", "comments, layout or order only")]
    return found


def _text(launch: Launch) -> str:
    try:
        return (launch.folder / "study.yaml").read_text()
    except OSError:
        return ""


def _of_documents(before: Launch, after: Launch) -> Iterator[Change]:
    if _text(before) == _text(after):
        return
    try:
        one, two = values_of(_text(before)), values_of(_text(after))
    except StudyError:
        yield Change("the document", "as it was", "another text")
        return
    yield from _differing("", *({k: v for k, v in each.items() if k not in _UNTOLD} for each in (one, two)))


def _of_launches(one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[Change]:
    steps = [_versions(each) for each in (one, two)]
    for name in sorted(steps[0].keys() & steps[1].keys()):
        if steps[0][name] != steps[1][name]:
            yield Change(f"version of {name}", steps[0][name], steps[1][name])
    circuits = [each.get("fingerprints", {}) for each in (one, two)]
    for name in sorted(circuits[0].keys() & circuits[1].keys()):
        if circuits[0][name] != circuits[1][name]:
            yield Change(
                f"content of {name if name.startswith('recordings.') else f'circuits.{name}'}",
                *(str(each[name])[:12] for each in circuits),
            )
    runs = [{**each.get("run", {}), "stages": _own_runs(each)} for each in (one, two)]
    yield from _differing("run", *runs)
    for name in ("seed", "conntap", "python", "host", "user"):
        if one.get(name) != two.get(name):
            yield Change(name, one.get(name), two.get(name))


def _versions(about: Mapping[str, Any]) -> dict[str, Any]:
    return dict(about.get("steps", {}).values())


def _own_runs(about: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each["run"] for name, each in about.get("stages", {}).items() if each.get("run")}


def _differing(where: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[Change]:
    """The differences of two mappings, mappings inside them opened."""
    for name in dict.fromkeys([*one, *two]):
        before, after = one.get(name), two.get(name)
        place = f"{where}.{name}" if where else str(name)
        if before == after and type(before) is type(after):
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differing(place, before, after)
        else:
            yield Change(place, before, after)


def _brief(value: Any) -> str:
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{name}: {_brief(each)}" for name, each in value.items()) + "}"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(map(_brief, value)) + "]"
    else:
        text = str(value).lower() if isinstance(value, bool) else " ".join(str(value).split())
    return text if len(text) <= 120 else text[:117] + "..."
