"""Scripts for sbatch that people can read, and submit again by hand.

What SLURM is asked for stands in `#SBATCH` lines of plain words; whatever may hold spaces, quotes or dollars (paths, values
of variables, commands of the site) stands in the body, quoted for the shell, and arrives unchanged.
"""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from conntap.errors import RunError
from conntap.study.entries import RunOptions

__all__ = ["OVERHEAD_MB", "command", "job_name", "memory_mb", "resources", "written"]

OVERHEAD_MB = 512  # of the process that hands out the units
_MARGIN = 1.5  # of memory beyond what was measured
_FIND_MODULE = """\
if ! type module > /dev/null 2>&1; then
    for each in /etc/profile.d/lmod.sh /etc/profile.d/modules.sh "${MODULESHOME:-/usr/share/modules}/init/bash"; do
        if [ -r "$each" ]; then . "$each"; fi
    done
fi"""


def written(
    options: Mapping[str, str | None], run: RunOptions, last: str, *, about: str, folder: Path, home: Path
) -> str:
    """The text of a script.

    Parameters
    ----------
    options
        Options of sbatch by their long names; None for those without a value.
    run
        Whose modules, variables and lines of setup come first, in this order.
    last
        Its last line: a command, quoted for the shell.
    about
        What it is, in a line.
    folder
        Where it lies and from where it is submitted.
    home
        Where the command runs.

    Raises
    ------
    RunError
        An option of sbatch cannot stand in a line.
    """
    lines = ["#!/bin/bash", f"# {' '.join(about.split())}"]
    lines += [f"# By hand: cd {_line(shlex.quote(str(folder)))} && sbatch THIS-SCRIPT"]
    lines += [_sbatch(name, value) for name, value in options.items()]
    lines += ["", *_before(run), f"cd {shlex.quote(str(home))}", last, ""]
    return "\n".join(lines)


def check(run: RunOptions) -> None:
    """Raise a RunError if options cannot stand in a script."""
    for _ in _before(run):
        pass
    for name, value in resources(run).items():
        _sbatch(name, value)


def _before(run: RunOptions) -> Iterator[str]:
    if run.modules:
        yield _FIND_MODULE
    yield "set -e"
    if run.modules:
        yield shlex.join(["module", "load", *run.modules])
    for name, value in run.env.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise RunError(f"run.env.{name}: no name of a variable; these have letters, digits and '_'. Change it.")
        yield f"export {name}={shlex.quote(value)}"
    yield from run.setup


def _sbatch(name: str, value: str | None) -> str:
    if value is None:
        return f"#SBATCH --{name}"
    if re.search(r"[\s\x00-\x1f\"'\\#]", value):
        raise RunError(
            f"run.{name}: {value!r} has spaces, quotes, '#' or backslashes; sbatch takes none. Leave them out."
        )
    return f"#SBATCH --{name}={value}"


def _line(text: str) -> str:
    return text.replace("\n", "?")


def command(run: RunOptions, *words: str | Path | int, last: str = "") -> str:
    """A command of `tap` as a line of a script; `last` is not quoted.

    `run.python` is the interpreter, else the one that runs now. With several nodes it is started once on each.
    """
    python = [run.python or sys.executable, "-m", "conntap.cli"]
    line = shlex.join([*_on_each_node(run), *python, *map(str, words)])
    return f"exec {line} {last}".rstrip()


def _on_each_node(run: RunOptions) -> Sequence[str]:
    if run.nodes == 1:
        return []
    asked = [f"--nodes={run.nodes}", f"--ntasks={run.nodes}", "--ntasks-per-node=1"]
    asked += [f"--cpus-per-task={run.cpus}"] if run.cpus else []
    return ["srun", *asked, "--cpu-bind=none", "--kill-on-bad-exit=0"]


def resources(run: RunOptions, *, mem_mb: int | None = None, minutes: int | None = None) -> dict[str, str | None]:
    """The options of sbatch that ask for what a job needs.

    Parameters
    ----------
    mem_mb
        Memory on each node; default: the partition's. An exclusive job takes all that a node has.
    minutes
        Its time where `run.time` does not say; default: the partition's.
    """
    found: dict[str, str | None] = {"nodes": str(run.nodes), "ntasks-per-node": "1"}
    if run.cpus or not run.exclusive:
        found["cpus-per-task"] = str(run.cpus or 1)
    if run.exclusive:
        found |= {"exclusive": None, "mem": "0"}
    elif mem_mb is not None:
        found["mem"] = f"{mem_mb}M"
    if run.time or minutes:
        found["time"] = run.time or str(minutes)
    words = {name: getattr(run, name) for name in ("account", "partition", "qos", "constraint")}
    return found | {name: value for name, value in words.items() if value}


def memory_mb(*, mem_gb: float | None, peak_mb: float, workers: int) -> int | None:
    """What a node needs for so many workers: by the limit of a unit, else by what units took; None where neither is known.

    >>> memory_mb(mem_gb=2, peak_mb=0, workers=4), memory_mb(mem_gb=None, peak_mb=400, workers=1)
    (8704, 1112)
    """
    if mem_gb is not None:
        return math.ceil(mem_gb * 1024 * workers) + OVERHEAD_MB
    return math.ceil(peak_mb * _MARGIN) * workers + OVERHEAD_MB if peak_mb else None


def job_name(*words: str) -> str:
    """A name for a job, of plain characters.

    >>> job_name("Größe & Form", "counts")
    'Gr-e-Form.counts'
    """
    return ".".join(re.sub(r"[^A-Za-z0-9_]+", "-", word).strip("-") or "study" for word in words)
