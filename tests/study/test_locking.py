"""The lock keeps a second run out where there are locks, and hinders nobody where there are none."""

import errno
import fcntl
import os

import pytest

from conntap.errors import RunError
from conntap.study.locking import is_running, lock


def test_the_second_is_told_who_is_at_work(tmp_path):
    with lock(tmp_path), pytest.raises(RunError, match=rf"another run is at work here \(process {os.getpid()} on "), lock(tmp_path):  # fmt: skip
        pass
    assert not is_running(tmp_path)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_lets_studies_run(tmp_path, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with lock(tmp_path):
        assert not is_running(tmp_path)
