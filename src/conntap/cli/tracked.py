"""Launches kept in MLflow, for the commands that compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

__all__ = ["TRACK", "keep", "tracked"]

Listen = Callable[[Mapping[str, Any]], Any]


def _checked(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value is not None and value and ":" not in value:
        raise click.BadParameter(
            f"{value!r} is no URI. Write --track=URI, such as http://host:5000; or --track alone, after the study.",
            context,
            option,
        )
    return value


TRACK = click.option(
    "--track",
    metavar="[URI]",
    is_flag=False,
    flag_value="",
    callback=_checked,
    help="Keep the launch in MLflow [without a URI: OUT/run/mlflow.db].",
)


@contextmanager
def tracked(folder: Path, uri: str | None) -> Iterator[Listen]:
    """A listener that keeps a launch in MLflow where that was asked for; what went wrong with it is told at the end."""
    if uri is None:
        yield lambda event: None
        return
    tracker = _tracker(folder, uri)
    try:
        with tracker as listen:
            yield listen
    finally:
        _tell(tracker)


def keep(folder: Path, uri: str) -> None:
    """Keep the newest launch in MLflow after the fact."""
    from conntap.study.launches import launches

    *_, newest = [None, *launches(folder)]
    if newest is None or not newest.outcome:
        click.echo(
            f"not tracked: {'no launch yet' if newest is None else f'launch {newest.number} has not ended'}.", err=True
        )
        return
    tracker = _tracker(folder, uri)
    tracker.replay(newest.number, newest.outcome.get("stages", {}))
    _tell(tracker)


def _tracker(folder: Path, uri: str) -> Any:
    from conntap.study.accounts import Account
    from conntap.study.advice import summary
    from conntap.study.launches import find_launch
    from conntap.tracking import Tracker

    return Tracker(
        folder, uri=uri or None, account=Account(), summary=lambda number: summary(find_launch(folder, number))
    )


def _tell(tracker: Any) -> None:
    for trouble in tracker.troubles:
        click.echo(f"not tracked: {trouble}", err=True)
    if tracker.number is not None and not tracker.troubles:
        click.echo(f"tracked at {tracker.uri}", err=True)
