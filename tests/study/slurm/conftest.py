"""A study that was submitted to a SLURM that is none."""

import json

import pytest
from slurm_fake import BODY, compute

from conntap.study import load_study, setup
from conntap.study.jobs import shared, to_do
from conntap.study.launches import begin
from conntap.study.slurm.queue import Queue
from conntap.study.slurm.watching import mark


@pytest.fixture(autouse=True)
def accounts(monkeypatch):
    """Whether there are accounts is remembered for a process."""
    monkeypatch.setattr(Queue, "accounts", True)


@pytest.fixture
def launched(write):
    """A study whose first stage is done and whose second was submitted as an array of two tasks."""
    study = load_study(write(BODY, circuits=""))
    out = study.folder
    setup(study, out)
    compute(out, "made")
    left = to_do(out, "n")
    launch = begin(study, out, stages={"n": left.summary()})
    mark(out, launch, "n")
    for index, share in enumerate(shared(left.jobs, 2)):
        content = {"jobs": [job.plain() for job in share], "cost": 1.0, "in_seconds": False}
        (launch.folder / "n" / f"share-{index:05d}.json").write_text(json.dumps(content))
    launch.note("jobs.json", {"stages": {"n": [{"job": "7", "part": 0, "first": 0, "shares": 2}]}, "collect": None})
    return study, out, launch
