"""What a cluster allows: asked once before a submission; where it does not say, what SLURM does by default."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from conntap.errors import RunError
from conntap.study.entries import RunOptions
from conntap.study.slurm.queue import no_configuration, told_if_slow
from conntap.study.times import seconds_of

__all__ = ["Site", "site", "submission_environment", "words_of"]

_USUAL_ARRAY = 1001
_KEPT = ("SBATCH_ACCOUNT", "SBATCH_PARTITION", "SBATCH_QOS", "SBATCH_CONSTRAINT", "SBATCH_RESERVATION")


@dataclass(frozen=True)
class Site:
    """A cluster: its name, and how many tasks an array may have."""

    name: str = ""
    most_tasks: int = _USUAL_ARRAY

    def most_minutes(self, partition: str | None) -> int | None:
        """The longest time that a partition (default: the default one) gives a job; None where there is no limit."""
        for line in _said("scontrol", "--oneliner", "show", "partition", *filter(None, [partition])).splitlines():
            if partition or re.search(r"\bDefault=YES\b", line):
                found = re.search(r"\bMaxTime=(\d\S*)", line)
                return None if found is None else max(1, seconds_of(found[1]) // 60)
        return None

    def cpus(self, partition: str | None) -> int:
        """The fewest processors of a node of a partition; 1 where that is not known."""
        given = ["--partition", partition] if partition else []
        found = [int(each) for each in re.findall(r"^\d+", _said("sinfo", "--noheader", "-o", "%c", *given), re.M)]
        return min(found, default=1)


def site() -> Site:
    """The cluster that `sbatch` here submits to.

    Raises
    ------
    RunError
        There is no `sbatch`, or its configuration is not there.
    """
    trouble = no_configuration()
    if trouble:
        raise RunError(f"run.where: slurm; {trouble}. Set it to the configuration of the cluster, or unset it.")
    try:
        subprocess.run(["sbatch", "--version"], capture_output=True, check=False)
    except OSError:
        raise RunError(
            "run.where: slurm; there is no command `sbatch` on this machine. Launch on a login node of the cluster (some need "
            "`module load slurm` first), or elsewhere: --where local."
        ) from None
    said = _said("scontrol", "show", "config")
    sizes = [int(size) for size in re.findall(r"\b(?:MaxArraySize|max_array_tasks)\s*=\s*(\d+)", said)]
    names = re.findall(r"^ClusterName\s*=\s*(\S+)", said, re.M)
    return Site(names[0] if names else "", max(1, min(sizes, default=_USUAL_ARRAY)))


def submission_environment(run: RunOptions) -> dict[str, str]:
    """The variables that sbatch gets: without those of a job that this may be, or that would overrule the script.

    A user's defaults (SBATCH_ACCOUNT, SBATCH_PARTITION, SBATCH_QOS, SBATCH_CONSTRAINT, SBATCH_RESERVATION) stay where the
    study does not say. All other variables reach the job, as SLURM does by default.
    """
    said = {f"SBATCH_{name.upper()}" for name in ("account", "partition", "qos", "constraint") if getattr(run, name)}
    return {
        name: value
        for name, value in os.environ.items()
        if name == "SLURM_CONF"
        or not name.startswith(("SLURM_", "SBATCH_", "SLURMD_", "SRUN_"))
        or (name in _KEPT and name not in said)
    }


def _said(*command: str) -> str:
    """What a command prints; "" where it fails."""
    try:
        with told_if_slow(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def words_of(errors: str) -> str:
    """What a command of SLURM complains of, in one line."""
    lines = [re.sub(r"^\w+: (error: )?", "", line).strip() for line in errors.splitlines()]
    return "; ".join(line for line in lines if line)
