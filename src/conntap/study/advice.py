"""What a launch took, and which settings would have been better, as far as its figures tell.

Advice is a sentence that names the figure it rests on and the option to change; where figures are too small or too few
to tell, there is none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conntap.study.accounts import Account
from conntap.study.launches import Launch
from conntap.study.times import seconds_of

__all__ = ["ADVICE", "Figures", "advice", "figures", "lines", "summary"]

_LEAST_S = 5.0  # of wall time, below which nothing is told of workers
_DEADLY = ("worker lost", "out of memory", "timed out")  # kinds of failure that end a worker
_STARTING_S = 30.0  # about what a job of a cluster takes to start and to load its libraries


@dataclass(frozen=True)
class Figures:
    """The figures of one launch.

    Parameters
    ----------
    account
        Units, failures, times and memory.
    wall_s
        From its beginning to its end.
    workers
        How many there were.
    cores
        Of the machine, where it ran on one; else 0.
    run
        The run options of the study.
    stages
        Name of stage -> what was to do and its own run options.
    shares
        Name of stage -> seconds that each of its jobs of a cluster took (of several nodes: on each).
    cores_each
        Name of stage -> how many workers each of these jobs had.
    """

    account: Account
    wall_s: float
    workers: int = 1
    cores: int = 0
    run: Mapping[str, Any] = field(default_factory=dict)
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    shares: Mapping[str, Sequence[float]] = field(default_factory=dict)
    cores_each: Mapping[str, int] = field(default_factory=dict)

    @property
    def busy_s(self) -> float:
        """Seconds that workers spent in units."""
        return float(sum(self.account.busy.values()))

    @property
    def efficiency(self) -> float | None:
        """Which part of the workers' time went into units (of a cluster's jobs, the time in which they ran); None where it
        cannot be told."""
        if not self.local and self.run.get("where") != "slurm":
            return None  # workers of a cluster of Dask come and go
        if self.run.get("where") == "slurm":
            whole = sum(sum(took) * self.cores_each.get(stage, 1) for stage, took in self.shares.items())
        else:
            whole = self.workers * self.wall_s
        return min(1.0, self.busy_s / whole) if whole > 0 and self.busy_s > 0 else None

    @property
    def local(self) -> bool:
        """Whether it ran on one machine."""
        return _is_local(self.run)

    def option(self, stage: str, name: str) -> Any:
        """A run option of a stage: its own, else the study's; None where neither says."""
        own = self.stages.get(stage, {}).get("run") or {}
        return own.get(name, self.run.get(name))

    def place(self, stage: str, name: str) -> str:
        """Where an option of a stage is to be set."""
        own = self.stages.get(stage, {}).get("run") or {}
        return f"stages.{stage}.run.{name}" if name in own else f"run.{name}"


def figures(launch: Launch) -> Figures:
    """The figures of a launch that ended or was stopped; of jobs of a cluster those that ended."""
    about, outcome = launch.about, launch.outcome
    account = Account.merged([{"stages": {}, "kinds": {}, "busy": {}, **_part(outcome)}])
    run = about.get("run", {})
    cores = int(about.get("cores", 0)) if _is_local(run) else 0
    asked = int(run.get("workers", 0)) or cores
    shares: dict[str, list[float]] = {}
    cores_each: dict[str, int] = {}
    for stage, took, workers in _jobs(launch.folder, about.get("stages", {})):
        shares.setdefault(stage, []).append(took)
        cores_each[stage] = max(workers, cores_each.get(stage, 1))
    return Figures(
        account=account,
        wall_s=float(outcome.get("wall_s", 0.0)),
        workers=max(1, asked if cores else int(outcome.get("workers", 0)) or len(account.busy)),
        cores=cores,
        run=run,
        stages=about.get("stages", {}),
        shares=shares,
        cores_each=cores_each,
    )


def _is_local(run: Mapping[str, Any]) -> bool:
    """Whether all workers are processes of one machine."""
    where = run.get("where", "local")
    return where == "local" or (where == "dask" and run.get("cluster", "local") == "local")


def _part(outcome: Mapping[str, Any]) -> dict[str, Any]:
    return {name: outcome[name] for name in ("stages", "kinds", "busy") if name in outcome}


def _jobs(folder: Path, stages: Mapping[str, Any]) -> Iterator[tuple[str, float, int]]:
    """For each job of a cluster its stage, the seconds it took and its workers, by its notes of when it began and ended."""
    for stage in stages:
        for path in sorted((folder / stage).glob("share-*.ended.json")):
            begun, ended = (
                _note(path.with_name(path.name.replace(".ended.", f".{what}."))) for what in ("begun", "ended")
            )
            if "time" in begun and ended.get("time", -math.inf) >= begun["time"]:
                yield stage, float(ended["time"] - begun["time"]), int(begun.get("workers", 1))


def _note(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def summary(launch: Launch) -> dict[str, Any]:
    """What a launch took, as JSON takes it.

    Returns
    -------
    launch, state, done, failed, waiting, kinds (of failures), wall_s, work_s (all units together), cpu_s, peak_mb, workers,
    jobs (of a cluster), imbalance (how much longer the busiest worker was busy than the mean one), efficiency (which part of the workers' time
    went into units; None where unknown), stages (the same of each), advice (sentences).
    """
    found = figures(launch)
    sums = found.account.sums()
    return {
        "launch": launch.number,
        "state": launch.outcome.get("state", ""),
        "done": int(sums["done"]),
        "failed": int(sums["failed"]),
        "waiting": int(sums["waiting"]),
        "kinds": dict(found.account.kinds),
        "wall_s": found.wall_s,
        "work_s": sums["wall_s"],
        "cpu_s": sums["cpu_s"],
        "peak_mb": sums["peak_mb"],
        "workers": found.workers,
        "jobs": sum(map(len, found.shares.values())),
        "imbalance": found.account.imbalance,
        "efficiency": found.efficiency,
        "stages": {name: dict(each) for name, each in found.account.stages.items()},
        "advice": advice(found),
    }


def lines(told: Mapping[str, Any]) -> list[str]:
    """A summary as lines to read."""
    if not told["done"] + told["failed"]:
        return []
    kinds = ", ".join(f"{number} {kind}" for kind, number in told["kinds"].items())
    efficiency = f", {told['efficiency']:.0%} of the time in units" if told["efficiency"] is not None else ""
    workers = f"{told['workers']} worker{'s' if told['workers'] != 1 else ''}"
    busiest = f"; the busiest had {told['imbalance']:.2f} x the mean to do" if told["workers"] > 1 else ""
    found = [f"failures: {kinds}"] if kinds else []
    if not told["work_s"]:  # jobs failed before any unit began
        return found + [f"advice: {each}" for each in told["advice"]]
    at = f"in {told['jobs']} job{'s' if told['jobs'] != 1 else ''}" if told["jobs"] else f"on {workers}"
    found.append(f"time: {_seconds(told['wall_s'])} {at}{efficiency}{busiest}")
    peak = f"; memory of a unit: at most {_gib(told['peak_mb'])} GiB" if told["peak_mb"] else ""
    found.append(f"work: {_seconds(told['work_s'])} in units, {_seconds(told['cpu_s'])} of CPU{peak}")
    return found + [f"advice: {each}" for each in told["advice"]]


def advice(found: Figures) -> list[str]:
    """What would have been better settings; nothing where the figures do not tell."""
    return [sentence for each in ADVICE for sentence in each(found)]


def _longest(found: Figures) -> tuple[str, float]:
    stages = found.account.stages
    name = max(stages, key=lambda each: stages[each]["longest_s"], default="")
    return name, stages[name]["longest_s"] if name else 0.0


def _idle(found: Figures) -> Iterator[str]:
    """Workers that had nothing to do for much of the time."""
    part = found.efficiency
    if part is None or part > 0.7 or found.wall_s < _LEAST_S:
        return
    if found.run.get("where") == "slurm":
        yield from _idle_cores(found, part)
        return
    if found.workers < 2:
        return
    stage, longest_s = _longest(found)
    idle = f"the {found.workers} workers were idle {1 - part:.0%} of the time"
    enough = max(1, math.ceil(found.busy_s / found.wall_s / 0.9))
    if len(found.account.busy) > found.workers or any(map(found.account.kinds.get, _DEADLY)):
        yield f"{idle}, in part since some ended within a unit and others were started instead: mend that first."
    elif longest_s > 0.5 * found.wall_s:
        yield (
            f"{idle}, since one unit of {stage} took {_seconds(longest_s)} of {_seconds(found.wall_s)}: "
            f"workers: {enough} would do as well."
        )
    elif enough < found.workers:
        yield f"{idle}: workers: {enough} would take about as long."


def _idle_cores(found: Figures, part: float) -> Iterator[str]:
    for stage, took in found.shares.items():
        cpus = found.cores_each.get(stage, 1)
        if cpus > 1 and sum(took) > 4 * _STARTING_S:
            yield (
                f"the {cpus} cores of each job were idle {1 - part:.0%} of the time: "
                f"{found.place(stage, 'cpus')}: {max(1, math.ceil(cpus * part / 0.9))} would do for {stage}."
            )


def _more(found: Figures) -> Iterator[str]:
    """Workers that were busy all the time on a machine with more cores."""
    part, (_, longest_s) = found.efficiency, _longest(found)
    if part is None or part < 0.85 or found.wall_s < 60 or not found.cores:
        return
    each = max(1.0, found.account.sums()["cpu_s"] / found.busy_s)
    could = int(found.cores / each)
    if could < 2 * found.workers:
        return
    expected = max(found.busy_s / could / 0.9, longest_s)
    if expected < 0.7 * found.wall_s:
        yield (
            f"the {found.workers} workers were busy {part:.0%} of the time, and the machine has {found.cores} cores: "
            f"workers: {could} would take about {_seconds(expected)} instead of {_seconds(found.wall_s)}."
        )


def _threads(found: Figures) -> Iterator[str]:
    """Units that take several cores each, more than there are together."""
    for stage, sums in found.account.stages.items():
        if sums["wall_s"] < _LEAST_S:
            continue
        each = sums["cpu_s"] / sums["wall_s"]
        at_once = min(found.workers, int(sums["done"] + sums["failed"]))
        if found.cores and each > 1.3 and each * at_once > 1.25 * found.cores:
            yield (
                f"units of {stage} took {each:.1f} cores each, and {at_once} ran at once on {found.cores} cores: "
                f"workers: {max(1, round(found.cores / each))}, or threads: 1 where the step has that option."
            )
        elif each < 0.5 and sums["wall_s"] > 12 * _LEAST_S and found.local:
            yield (
                f"units of {stage} computed only {each:.0%} of their time and waited for the rest (for the disk, or for "
                "cores that others use): look at the machine before adding workers."
            )


def _memory(found: Figures) -> Iterator[str]:
    """Memory that was asked for beside what was used."""
    for place, stages in _places(found, "mem_gb", found.account.stages).items():
        asked = found.option(stages[0], "mem_gb")
        used = max(found.account.stages[stage]["peak_mb"] for stage in stages) / 1024
        done, enough = sum(found.account.stages[stage]["done"] for stage in stages), _rounded_up(1.3 * used)
        if (
            asked
            and done
            and used < 0.5 * asked
            and asked - enough >= 1
            and not found.account.kinds.get("out of memory")
        ):
            yield f"{_of(stages)} used at most {used:.2g} of the {asked:g} GiB they may take: {place}: {enough:g} would do."
        elif asked is None and used > 0.1 and found.run.get("where") == "slurm":
            yield f"{_of(stages)} used at most {used:.2g} GiB: ask for it by {place}: {enough:g}."


def _places(found: Figures, option: str, stages: Iterable[str]) -> dict[str, list[str]]:
    """Where an option is to be set -> the stages that it holds for."""
    places: dict[str, list[str]] = {}
    for stage in stages:
        places.setdefault(found.place(stage, option), []).append(stage)
    return places


def _of(stages: Sequence[str], what: str = "units") -> str:
    return f"{what} of {stages[0]}" if len(stages) == 1 else f"{what} of {', '.join(stages[:-1])} and {stages[-1]}"


def _failures(found: Figures) -> Iterator[str]:
    """Limits that units ran into."""
    kinds = found.account.kinds
    failed = [name for name, sums in found.account.stages.items() if sums["failed"]]
    for kind, option in (("out of memory", "mem_gb"), ("timed out", "timeout_s")):
        if not kinds.get(kind):
            continue
        asked = {found.option(stage, option) for stage in failed} - {None}
        more = f" ({max(asked):g} now)" if asked else ""
        yield f"{_units(kinds[kind])} {_ran[kind]}: raise {option}{more}, or let fewer run at once."
    if kinds.get("worker lost"):
        yield f"{_units(kinds['worker lost'])} lost their worker, often for want of memory: set mem_gb, or fewer workers."


_ran = {"out of memory": "ran out of memory", "timed out": "ran out of time"}


def _units(number: int) -> str:
    return f"{number} unit{'s' if number != 1 else ''}"


def _time_asked(found: Figures) -> Iterator[str]:
    """The time asked of a cluster beside what its jobs took."""
    for place, stages in _places(found, "time", found.shares).items():
        asked, longest = found.option(stages[0], "time"), max(max(found.shares[stage]) for stage in stages)
        if asked is None:
            continue
        asked_s, enough = seconds_of(asked), max(600.0, 2 * longest)
        if asked_s > 3600 and enough < 0.5 * asked_s:
            yield (
                f"{_of(stages, 'jobs')} took at most {_seconds(longest)} of the {asked} they asked for: "
                f"{place}: {_slurm_time(enough)} would let them start sooner."
            )
        elif longest > 0.8 * asked_s:
            yield f"{_of(stages, 'jobs')} took up to {longest / asked_s:.0%} of the {asked} they asked for: ask for more time."


def _small_jobs(found: Figures) -> Iterator[str]:
    """Jobs of a cluster that take longer to start than to run."""
    short = [name for name, took in found.shares.items() if len(took) >= 4 and sum(took) / len(took) < _STARTING_S / 2]
    for place, stages in _places(found, "max_jobs", short).items():
        took = [each for stage in stages for each in found.shares[stage]]
        fewer = max(max(1, math.ceil(sum(found.shares[stage]) / (20 * _STARTING_S))) for stage in stages)
        yield (
            f"the {_of(stages, f'{len(took)} jobs')} took {_seconds(sum(took) / len(took))} each, less than a job takes to "
            f"start: {place}: {fewer} gives them more to do."
        )


def _small_units(found: Figures) -> Iterator[str]:
    """Units so short that noting them takes longer."""
    part = found.efficiency
    for stage, sums in found.account.stages.items():
        units = sums["done"] + sums["failed"]
        mean = sums["wall_s"] / units if units else 0.0
        if units >= 5000 and mean < 0.001 and part is not None and part < 0.5 and found.wall_s > _LEAST_S:
            yield (
                f"the {int(units):,} units of {stage} took {1000 * mean:.2g} ms each, less than it takes to note them: "
                "a step that does more at once would be faster."
            )


ADVICE: tuple[Callable[[Figures], Iterator[str]], ...] = (
    _failures,
    _idle,
    _more,
    _threads,
    _memory,
    _time_asked,
    _small_jobs,
    _small_units,
)


def _slurm_time(seconds: float) -> str:
    minutes = math.ceil(seconds / 60 / 5) * 5
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"


def _rounded_up(gb: float) -> float:
    """Up to the next half, or whole number where it is large."""
    return max(0.5, math.ceil(gb * 2) / 2) if gb < 8 else float(math.ceil(gb))


def _gib(mb: float) -> str:
    return f"{mb / 1024:.2g}"


def _seconds(seconds: float) -> str:
    """A time to read.

    Examples
    --------
    >>> [_seconds(each) for each in (0.5, 12.34, 200, 7300)]
    ['0.5 s', '12.3 s', '3.3 min', '2.0 h']
    """
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
