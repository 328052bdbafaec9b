"""Where jobs run: each executor is a context that gives a function from jobs to states."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from conntap.study.entries import Study
from conntap.study.executors.dask import dask
from conntap.study.executors.kinds import Executor, Listener
from conntap.study.executors.local import local
from conntap.study.setup import workers_of

__all__ = ["Executor", "Listener", "dask", "local", "opened"]


def opened(study: Study, out: Path, *, listen: Listener) -> AbstractContextManager[Executor]:
    """The executor that a study asks for."""
    if study.run.where == "dask":
        return dask(study.run_of_all, out, workers=workers_of(study), listen=listen)
    return local(out, workers=workers_of(study), listen=listen)
