"""Studies as jobs of SLURM: submitted, followed, cancelled, tried again."""

from conntap.study.slurm.cancelling import cancel
from conntap.study.slurm.following import active, follow
from conntap.study.slurm.retrying import retry
from conntap.study.slurm.submitting import submit

__all__ = ["active", "cancel", "follow", "retry", "submit"]
