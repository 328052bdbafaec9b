"""The runner: a readable document becomes cases, batches, jobs and one store."""

from conntap.study.collecting import collect
from conntap.study.contrast import against
from conntap.study.document import load_study
from conntap.study.entries import Study
from conntap.study.run import Outcome, launch, run
from conntap.study.setup import prepare, setup
from conntap.study.status import StageStatus, status
from conntap.study.work import run_batch

__all__ = [
    "Outcome",
    "StageStatus",
    "Study",
    "against",
    "collect",
    "launch",
    "load_study",
    "prepare",
    "run",
    "run_batch",
    "setup",
    "status",
]
