"""Where a study runs and with which options, for the commands that compute; and submitting without waiting."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import click

from conntap.cli.parts import print_json

__all__ = ["RUN", "WAIT", "WHERE", "run_options", "submit_and_tell"]

WHERE = click.option(
    "--where", type=click.Choice(["local", "dask", "slurm"]), help="Where it runs [default: the study's, else local]."
)
RUN = click.option(
    "--run",
    "given_run",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any option of the study's `run:`, such as time=2:00:00.",
)
WAIT = click.option("--wait", is_flag=True, help="On slurm: follow the jobs until they end.")


def run_options(given: tuple[str, ...], env: Mapping[str, str]) -> dict[str, Any]:
    """Options of `run:` as the document would hold them, of texts KEY=VALUE; variables are added to those of `env`.

    >>> run_options(("time=2:00:00", "cpus=4", "setup=source my/env", "env.LEVEL=3"), {"A": "b"})
    {'time': '2:00:00', 'cpus': 4, 'setup': ['source my/env'], 'env': {'A': 'b', 'LEVEL': '3'}}
    """
    from conntap.errors import StudyError, unknown
    from conntap.study.entries import RunOptions

    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        key, _, inner = name.partition(".")
        if not equals:
            raise click.UsageError(f"--run {text}: give KEY=VALUE, such as time=2:00:00.")
        if key not in RunOptions.model_fields:
            raise StudyError(unknown("--run", "option", key, RunOptions.model_fields, most=99))
        if key == "env" and inner:
            found.setdefault("env", dict(env))[inner] = value
        else:
            found[key] = _value(key, value)
    return found


def _value(key: str, text: str) -> Any:
    from conntap.study.entries import RunOptions
    from conntap.study.yaml import read_value

    annotation = RunOptions.model_fields[key].annotation
    if annotation is str or (str in get_args(annotation) and annotation != tuple[str, ...]):
        return text
    if annotation == tuple[str, ...]:
        value = read_value(text) if text.startswith("[") else text
        return value if isinstance(value, list) else [text]
    value = read_value(text)
    return text if isinstance(value, str) else value


def submit_and_tell(study: Any, folder: Path, as_json: bool) -> None:
    """Submit what is left, and say which jobs there are and how to go on."""
    from conntap.study.slurm.driving import submitted

    launch = submitted(study, folder)
    if launch is None:
        if as_json:
            print_json({"launch": None})
        else:
            click.echo("nothing is left to do; `tap collect` gathers the store")
        return
    jobs = json.loads((launch.folder / "jobs.json").read_text())
    if as_json:
        print_json({"launch": launch.number, "folder": str(launch.folder), **jobs})
        return
    about, name = launch.about["stages"], shlex.quote(str(study.path))
    name += "" if folder == study.folder else f" --out {shlex.quote(str(folder))}"
    for stage, parts in jobs["stages"].items():
        ids = ", ".join(part["job"] for part in parts)
        click.echo(f"{stage}: {about[stage]['units']} units in {about[stage]['shares']} jobs: {ids}")
    if jobs["stages"]:
        click.echo(f"collect: job {jobs['collect']['job']}, when these have ended")
    else:
        units = sum(each["units"] for each in about.values())
        click.echo(
            f"{units} units on {study.run.workers} workers of Dask: job {jobs['collect']['job']}, which collects too"
        )
    click.echo(f"launch {launch.number}: {launch.folder}")
    for word, what in (("status", "how it stands"), ("follow", "watch it"), ("cancel", "end its jobs")):
        click.echo(f"  tap {word} {name}    {what}")
