"""Where jobs run: each executor is a context that gives a function from jobs to states."""

from conntap.study.executors.kinds import Executor, Listener
from conntap.study.executors.local import local

__all__ = ["Executor", "Listener", "local"]
