"""Commands for launches on a cluster: follow and cancel them, try again what failed, find logs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from conntap.cli.group import tap
from conntap.cli.parts import JSON, OUT, STUDY, folder_of, load, print_json, print_rows
from conntap.cli.submitting import RUN, run_options

__all__ = ["tell_launches"]

_MOST = 20  # entries that `tap logs` prints


@tap.command()
@STUDY
@OUT
@JSON
def follow(study: Path, out: Path | None, as_json: bool) -> None:
    """Watch the jobs of a launch on SLURM until all have ended; Ctrl-C leaves them running.

    \b
    Example:  tap follow study.yaml
    """
    from conntap.cli.running import tell_outcome
    from conntap.report.progress import Progress
    from conntap.study.slurm.following import active
    from conntap.study.slurm.following import follow as watch

    loaded = load(study)
    folder = folder_of(loaded, out)
    found = active(folder)
    if not found:
        click.echo(f"{folder}: no jobs are pending or running; `tap status` tells how it stands.", err=as_json)
        return
    with Progress(sys.stderr) as listen:
        outcomes = [watch(loaded, folder, standing.launch, listen) for standing in found]
    tell_outcome(outcomes[-1], as_json)


@tap.command()
@STUDY
@OUT
@click.option("--forget", is_flag=True, help="Ask no SLURM: count all launches as ended, of a cluster that is gone.")
def cancel(study: Path, out: Path | None, forget: bool) -> None:
    """End all jobs of a study on SLURM, pending ones too; what is done is kept.

    \b
    Example:  tap cancel study.yaml
    """
    from conntap.study.slurm import cancelling

    folder = folder_of(load(study), out)
    if forget:
        for launch in cancelling.forget(folder):
            click.echo(f"launch {launch.number}: counts as ended")
        return
    cancelled = cancelling.cancel(folder)
    for standing in cancelled:
        click.echo(f"launch {standing.launch.number}: {_counts(standing.jobs())}; units: {_counts(standing.units())}")
    if not cancelled:
        click.echo(f"{folder}: no jobs are pending or running.")


@tap.command()
@STUDY
@OUT
@click.option("--mem-gb", type=click.FloatRange(0, min_open=True), help="Memory of a unit [default: doubled where it was too little].")  # fmt: skip
@click.option("--time", help="Time of a job, as SLURM takes it, such as 2:00:00 [default: doubled where it was too short].")  # fmt: skip
@click.option("--timeout-s", type=click.FloatRange(0, min_open=True), help="Time of a unit [default: doubled where it was too short].")  # fmt: skip
@click.option("--where", type=click.Choice(["local", "dask", "slurm"]), help="Where [default: where it was launched].")
@click.option("--workers", type=click.IntRange(1), help="Processes at once, on this machine.")
@click.option("--stage", "only_of", multiple=True, help="Only of this stage.")
@RUN
@click.option("--wait", is_flag=True, help="Follow the jobs until they end.")
@click.option("--dry-run", is_flag=True, help="Only say what would be tried again, and how.")
@JSON
def retry(study: Path, out: Path | None, mem_gb: float | None, time: str | None, timeout_s: float | None, where: str | None, workers: int | None, only_of: tuple[str, ...], given_run: tuple[str, ...], wait: bool, dry_run: bool, as_json: bool) -> None:  # fmt: skip
    """Try again the units that failed, were lost, cancelled, out of memory or out of time; nothing else.

    Where memory or time was the cause, the limits of that stage are doubled.

    \b
    Examples:
      tap retry study.yaml --dry-run
      tap retry study.yaml --mem-gb 16 --wait
      tap retry study.yaml --stage counts --run partition=long
    """
    from dataclasses import replace

    from conntap.study.entries import with_run
    from conntap.study.run import check_current
    from conntap.study.slurm.retrying import launched_where
    from conntap.study.slurm.retrying import retry as plan

    loaded = load(study)
    folder = folder_of(loaded, out)
    check_current(loaded, folder)
    for stage in only_of:
        _check_stage(study, folder, stage)
    loaded = with_run(loaded, where=where or launched_where(folder), workers=workers)
    loaded = with_run(loaded, **run_options(given_run, loaded.run.env))
    again = plan(loaded, folder, mem_gb=mem_gb, time=time, timeout_s=timeout_s)
    if only_of:
        causes, raised = ({k: v for k, v in each.items() if k in only_of} for each in (again.causes, again.raised))
        again = replace(again, causes=causes, raised=raised)
    for line in again.told() or ["nothing failed; `tap launch` computes what was never tried"]:
        click.echo(line, err=as_json)
    if again.keys and not dry_run:
        _launch_again(again, folder, wait, as_json)


def _launch_again(again: Any, folder: Path, wait: bool, as_json: bool) -> None:
    from conntap.cli.running import tell_outcome
    from conntap.report.progress import Progress
    from conntap.study import collect, launch

    if again.study.run.where == "slurm":
        from conntap.study.slurm.driving import submitted as submit
        from conntap.study.slurm.following import follow as watch

        submitted = submit(again.study, folder, only=again.keys, limits=again.limits)
        again.note(folder)
        click.echo(
            f"launch {submitted.number} was submitted; `tap status` and `tap follow` tell how it goes", err=as_json
        )
        if wait:
            with Progress(sys.stderr) as listen:
                outcome = watch(again.study, folder, submitted, listen)
            tell_outcome(outcome, as_json)
        return
    with Progress(sys.stderr) as show:

        def listen(event: Mapping[str, Any]) -> None:
            if event["event"] == "launch":  # a launch that is refused raises no limit
                again.note(folder)
            show(event)

        outcome = launch(again.study, out=folder, listen=listen, only=again.keys)
    collect(folder)
    tell_outcome(outcome, as_json)


@tap.command()
@STUDY
@OUT
@click.option("--stage", help="Only of this stage.")
@click.option("--case", "cases", multiple=True, metavar="KEY=VALUE", help="Only units of this case, such as subtarget=L4.")  # fmt: skip
@JSON
def logs(study: Path, out: Path | None, stage: str | None, cases: tuple[str, ...], as_json: bool) -> None:
    """What failed or was lost, each cause once: how many units, the logs of the first of them, and how to repeat it.

    \b
    Examples:
      tap logs study.yaml
      tap logs study.yaml --stage counts --case subtarget=L4 --case repeat=3
    """
    from conntap.study.slurm.failures import all_failures
    from conntap.study.slurm.following import standings

    folder = folder_of(load(study), out)
    if stage is not None:
        _check_stage(study, folder, stage)
    wanted = dict(_pair(each) for each in cases)
    _check_cases(folder, stage, wanted)
    found = [
        each
        for each in all_failures(folder, standings(folder))
        if stage in (None, each["stage"]) and all(str(each["case"].get(k)) == v for k, v in wanted.items())
    ]
    if as_json:
        print_json(found)
        return
    causes = _by_cause(found)
    for alike in causes[:_MOST]:
        _tell_cause(alike)
    if len(causes) > _MOST:
        click.echo(f"and {len(causes) - _MOST} more causes; --stage and --case choose, --json tells of each unit")
    if not found:
        click.echo("no such unit failed or was lost")


def _check_stage(study: Path, folder: Path, stage: str) -> None:
    from conntap.errors import RunError, unknown
    from conntap.study.setup import read_setup

    stages = read_setup(folder)["stages"]
    if stage not in stages:
        raise RunError(unknown(str(study), "stage", stage, stages))


def _check_cases(folder: Path, stage: str | None, wanted: Mapping[str, str]) -> None:
    """Raise a RunError if no unit has such a column, or such a value of it."""
    from conntap.errors import RunError, unknown
    from conntap.study.setup import read_cases, read_setup

    values: dict[str, dict[str, None]] = {}
    for name in ([stage] if stage else read_setup(folder)["stages"]) if wanted else ():
        for _, case, slicing in read_cases(folder, name):
            for column, value in {**case, **({"slice": slicing} if slicing else {})}.items():
                values.setdefault(column, {})[str(value)] = None
    for column, value in wanted.items():
        if column not in values:
            raise RunError(unknown("--case", "column", column, values))
        if value not in values[column]:
            raise RunError(unknown(f"--case {column}", "value", value, values[column]))


def _by_cause(found: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Failures of a stage by what was said of them, whichever job it was; those of most units first."""
    causes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for each in found:
        said = each["error"].replace(f"its job {each.get('job')} ", "its job ", 1)
        causes.setdefault((each["stage"], each["kind"], said), []).append(each)
    return sorted(causes.values(), key=len, reverse=True)


def _tell_cause(alike: list[dict[str, Any]]) -> None:
    first, jobs = alike[0], {each["job"] for each in alike if "job" in each}
    case = ", ".join(f"{k}={v}" for k, v in first["case"].items())
    of = f" in {len(jobs)} jobs" if len(jobs) > 1 else ""
    units = case if len(alike) == 1 else f"{len(alike)} units{of}, first {case or first['key'][:12]}"
    click.echo(f"{first['stage']} ({units}): {first['kind']}: {first['error']}")
    for what, log in (("log:    ", first["log"]), ("job log:", first.get("job_log", ""))):
        if Path(log).is_file() and (what == "log:    " or log != first["log"]):
            click.echo(f"  {what} {log}")
    click.echo(f"  repeat:  {first['command']}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--case {text}: give KEY=VALUE, such as subtarget=L4.")
    return name, value


def tell_launches(found: list[Any]) -> None:
    """Print how launches on SLURM stand: a table by stage, why jobs wait, and what is known of the end."""
    for standing in found:
        rows = [
            {"stage": name, "jobs": _counts(standing.jobs(name)), "units": _counts(standing.units(name))}
            for name in standing.stages
        ]
        told = "on SLURM" if standing.live else "ended"
        print_rows(rows, title=f"launch {standing.launch.number}: {told}")
        for name in standing.stages:
            for reason, number in standing.reasons(name).items():
                click.echo(f"{name}: {number} {'job waits' if number == 1 else 'jobs wait'}: {reason}")
        if standing.live and standing.left_s is not None:
            click.echo(f"the jobs that run now are expected to end in {_span(standing.left_s)}")
        if standing.collect in ("pending", "running"):
            click.echo(f"the job that collects is {standing.collect}")
        elif standing.collect not in ("ended", ""):
            click.echo(
                f"the job that collects: {standing.collect}; `tap collect` does it here\n  log: {standing.collect_log}"
            )
        if not standing.heard:
            click.echo(f"SLURM cannot be asked, so this is what jobs wrote themselves: {standing.trouble}", err=True)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in counts.items()) or "none"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
