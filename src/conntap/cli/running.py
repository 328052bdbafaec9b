"""Commands that compute: launch, collect, run, and one batch; and how far that is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import click

from conntap.cli.group import tap
from conntap.cli.parts import JSON, OUT, STUDY, folder_of, load, print_json, print_rows, print_table
from conntap.cli.results import write_report
from conntap.cli.submitting import RUN, WAIT, WHERE, run_options, submit_and_tell
from conntap.cli.tracked import TRACK, keep, tracked
from conntap.errors import MissingExtra

__all__ = ["tell_outcome"]


def _running(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that compute."""

    @STUDY
    @OUT
    @click.option("--workers", type=click.IntRange(1), help="Processes at once [default: the study's, else all cores].")
    @click.option("--retries", type=click.IntRange(0), help="How often a unit is tried again whose worker died.")
    @click.option("--timeout-s", type=float, help="Limit of wall time of a unit.")
    @click.option("--mem-gb", type=float, help="Limit of memory of a unit.")
    @WHERE
    @RUN
    @JSON
    @wraps(command)
    def wrapped(study: Path, out: Path | None, as_json: bool, **given: Any) -> None:
        from conntap.study.entries import with_run

        options = {name: given.pop(name) for name in ("workers", "retries", "timeout_s", "mem_gb", "where")}
        loaded = with_run(load(study), **options)
        loaded = with_run(loaded, **run_options(given.pop("given_run"), loaded.run.env))
        command(loaded, folder_of(loaded, out), as_json, **given)

    return wrapped


@tap.command()
@_running
@TRACK
@WAIT
def launch(study: Any, folder: Path, as_json: bool, track: str | None, wait: bool) -> None:
    """Compute what is missing of a study that was set up; on SLURM, submit it and return at once.

    \b
    Examples:
      tap launch study.yaml --workers 4
      tap launch study.yaml --where slurm --run time=2:00:00 --run partition=long
    """
    from conntap.report.progress import Progress
    from conntap.study import launch as start

    if study.run.where == "slurm" and not wait:
        submit_and_tell(study, folder, as_json)
        if track is not None:
            click.echo(
                "nobody waits for it, so nothing is tracked yet: `tap collect --track` does, once it ended.", err=True
            )
        return
    with tracked(folder, track) as note, Progress(sys.stderr) as show:
        tell = lambda event: (note(event), show(event))  # noqa: E731
        outcome = start(study, out=folder, listen=tell)
    tell_outcome(outcome, as_json)


@tap.command()
@STUDY
@OUT
@TRACK
def collect(study: Path, out: Path | None, track: str | None) -> None:
    """Gather what is done into one store, OUT/store.h5.

    \b
    Example:  tap collect study.yaml
    """
    from conntap.study import collect as gather
    from conntap.study.run import check_current

    loaded = load(study)
    folder = folder_of(loaded, out)
    check_current(loaded, folder)
    click.echo(gather(folder))
    if track is not None:
        keep(folder, track)


@tap.command()
@_running
@TRACK
@click.option("--report/--no-report", "page", default=True, help="Write the HTML page too.")
def run(study: Any, folder: Path, as_json: bool, track: str | None, page: bool) -> None:
    """Set up, launch, collect and report: only what is missing is computed.

    \b
    Examples:
      tap run study.yaml
      tap run study.yaml --workers 4 --timeout-s 600 --mem-gb 4
    """
    from conntap.report.progress import Progress
    from conntap.study import run as start

    with tracked(folder, track) as note:
        with Progress(sys.stderr) as show:
            tell = lambda event: (note(event), show(event))  # noqa: E731
            outcome = start(study, out=folder, listen=tell)
        if not as_json:
            _tell_results(outcome.store)
            click.echo(f"store   {outcome.store}")
        if page:
            _tell_page(study, folder, as_json)
    tell_outcome(outcome, as_json)


@tap.command()
@STUDY
@OUT
@JSON
def status(study: Path, out: Path | None, as_json: bool) -> None:
    """Per stage: done, failed, stale and why, missing; the first error and its log; how jobs on a cluster stand.

    \b
    Example:  tap status study.yaml
    """
    from conntap.cli.cluster import tell_launches
    from conntap.study import status as compare
    from conntap.study.locking import is_running
    from conntap.study.slurm.failures import with_jobs
    from conntap.study.slurm.following import latest

    loaded = load(study)
    folder = folder_of(loaded, out)
    stages = compare(loaded, folder)
    launched = latest(folder)
    stages = with_jobs(stages, launched)
    running = is_running(folder) or any(each.live for each in launched)
    if as_json:
        told = [each.plain() for each in launched]
        print_json({"running": running, "stages": [each.__dict__ for each in stages], "launches": told})
        return
    columns = ("stage", "units", "done", "running", "failed", "stale", "missing")
    rows = [{name: getattr(each, name) for name in columns} for each in stages]
    print_rows(rows, title=f"{loaded.title}: {'running' if running else 'not running'}")
    for each in stages:
        for reason, number in each.reasons.items():
            click.echo(f"{each.stage}: {number} stale: {reason}")
        if each.error:
            click.echo(f"{each.stage}: {each.error}\n  log: {each.log}")
    tell_launches(launched)


@tap.command()
@STUDY
@click.argument("stage")
@click.argument("number", type=int)
@OUT
@click.option("--force", is_flag=True, help="Compute units that are done, too.")
def batch(study: Path, stage: str, number: int, out: Path | None, force: bool) -> None:
    """Run one batch of a stage here, in this process, as the runner would.

    \b
    Example:  tap batch study.yaml counts 3
    """
    from conntap.study import run_batch
    from conntap.study.setup import read_batch

    folder = folder_of(load(study), out)
    only = frozenset(unit["key"] for unit in read_batch(folder, stage, number)) if force else None

    def tell(what: str, unit: Mapping[str, Any], header: Mapping[str, Any]) -> None:
        if what != "start":
            case = ", ".join(f"{k}={v}" for k, v in unit["case"].items())
            click.echo(f"{what:8}{case}  {header.get('wall_s', 0.0):.3f} s  {header.get('error', '')}".rstrip())

    finished = run_batch(folder, stage, number, only=only, report=tell)
    click.echo(f"{finished.done} done, {finished.skipped} done before, {len(finished.failed)} failed")
    sys.exit(1 if finished.failed else 0)


def _tell_page(study: Any, folder: Path, as_json: bool) -> None:
    try:
        click.echo(f"report  {write_report(study.path, folder)}", err=as_json)
    except MissingExtra as error:
        click.echo(f"no report: {error}", err=True)


def _tell_results(path: Path) -> None:
    """The result that says most in a terminal: the first stage with controls, else the first that is a table."""
    from conntap.report import terminal
    from conntap.store import open_store

    with open_store(path) as opened:
        name = terminal.telling(opened)
        if name is not None:
            print_table(terminal.values(opened[name]), title=f"{opened.attrs.get('title', '')}: {name}", most=20)


def _summary(outcome: Any) -> dict[str, Any] | None:
    """What the launch took; None where there was nothing to do."""
    from conntap.study.advice import summary
    from conntap.study.launches import find_launch

    return None if outcome.launch is None else summary(find_launch(outcome.out, outcome.launch))


def tell_outcome(outcome: Any, as_json: bool) -> None:
    from conntap.study.advice import lines

    summary = _summary(outcome)
    if as_json:
        print_json({**outcome.__dict__, "ok": outcome.ok, "summary": summary})
    else:
        parts = [f"{outcome.done} done", f"{outcome.skipped} done before", f"{outcome.failed} failed"]
        parts += [f"{outcome.waiting} waiting for failed ones"] if outcome.waiting else []
        click.echo(f"units: {', '.join(parts)}; {outcome.wall_s:.1f} s")
        for each in outcome.failures[:5]:
            case = ", ".join(f"{k}={v}" for k, v in each["case"].items())
            whose = f"{each['stage']} ({case})" if case else each["stage"]
            click.echo(f"failed: {whose}: {each['error']}\n  log:    {each['log']}\n  repeat: {each['command']}", err=True)  # fmt: skip
        if len(outcome.failures) > 5:
            click.echo(f"and {len(outcome.failures) - 5} more failures; `tap status` counts them", err=True)
        for line in lines(summary) if summary else ():
            click.echo(line)
    if not outcome.ok:
        sys.exit(1)
