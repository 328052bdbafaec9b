"""The command that a job of a cluster runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from conntap.cli.group import tap

__all__: list[str] = []


@tap.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("launch", type=click.IntRange(1))
@click.argument("stage")
@click.argument("index", type=click.IntRange(0))
def share(out: Path, launch: int, stage: str, index: int) -> None:
    """Compute one share of a launch, as a job of a cluster does; what is done is not done again.

    OUT is the study's folder of outputs; LAUNCH, STAGE and INDEX name the file OUT/run/launches/LAUNCH/STAGE/share-INDEX.json.

    \b
    Example:  tap share study 7 counts 3
    """
    from conntap.study.slurm.share import run_share

    def tell(event: Mapping[str, Any]) -> None:
        if event["event"] == "failed":
            click.echo(f"failed: unit {event['key']} of batch {event['batch']}: {event['error']}")

    sums = run_share(out, launch, stage, index, listen=tell).sums()
    counts = ", ".join(f"{int(sums[what])} {what}" for what in ("done", "failed", "waiting"))
    click.echo(f"{stage}, share {index}: {counts}; {sums['wall_s']:.1f} s of work")
    sys.exit(1 if sums["failed"] or sums["waiting"] else 0)
