"""The command `tap`, to which the other files add theirs."""

from __future__ import annotations

import click

__all__ = ["tap"]

_ORDER = (
    "init", "check", "plan", "setup", "launch", "collect", "run", "search", "status", "follow", "history", "cancel", "retry", "logs", "batch", "share",
    "show", "report", "circuit", "convert", "measure", "infer", "manipulate", "ngv", "steps",
)  # fmt: skip


class _Ordered(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in _ORDER if name in self.commands]


@click.group(cls=_Ordered, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="conntap", prog_name="tap")
def tap() -> None:
    """From a readable study of connectomes to one store of results.

    \b
    Start here:
      tap init mystudy               a study with comments, and a small circuit to run it on
      tap run mystudy/study.yaml     set up, compute, collect, report
      tap show mystudy/study/store.h5 counts
    """
