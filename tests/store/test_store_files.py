"""A file is whole or not there."""

import os

import pytest

from conntap.errors import StoreError
from conntap.store import atomic
from conntap.store.files import disk_is_full


def test_a_file_appears_when_the_block_ends(tmp_path):
    with atomic(tmp_path / "new" / "a.txt") as aside:
        aside.write_text("whole")
        assert not (tmp_path / "new" / "a.txt").exists()
    assert [f.name for f in (tmp_path / "new").iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(error), atomic(tmp_path / "a.txt") as aside:  # noqa: PT012
        aside.write_text("new")
        raise error
    assert [f.name for f in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_the_new_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with atomic(tmp_path / "a.txt"):
        pass
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot write in .*file"):
        with atomic(tmp_path / "file" / "a.txt"):
            pass


def test_a_full_disk_is_one_clear_error_and_leaves_the_old_file(small_disk):
    (small_disk / "a.bin").write_bytes(b"old")
    with pytest.raises(StoreError, match="disk is full; what was there before is untouched"):
        with atomic(small_disk / "a.bin") as aside:
            aside.write_bytes(bytes(2**21))
    assert [f.name for f in small_disk.iterdir()] == ["a.bin"]
    assert (small_disk / "a.bin").read_bytes() == b"old"


def test_a_full_disk_is_recognised_behind_other_errors():
    error = RuntimeError("cannot close")
    error.__cause__ = OSError(28, os.strerror(28))
    assert disk_is_full(error)


def test_what_a_killed_process_left_is_removed_when_it_is_old_and_nobody_holds_it(tmp_path):
    for name in (".a.txt.old.part", ".a.txt.new.part", ".b.txt.old.part"):
        (tmp_path / name).touch()
    os.utime(tmp_path / ".a.txt.old.part", (0, 0))
    os.utime(tmp_path / ".b.txt.old.part", (0, 0))
    with atomic(tmp_path / "a.txt") as held:
        os.utime(held, (0, 0))
        with atomic(tmp_path / "a.txt"):
            assert held.exists()
    assert sorted(f.name for f in tmp_path.iterdir()) == [".a.txt.new.part", ".b.txt.old.part", "a.txt"]
