"""A killed try of a unit leaves its progress to the next one; values never hang on it."""

import errno
import fcntl
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from conntap import open_store
from conntap.circuits import Connectome
from conntap.errors import StudyError
from conntap.study import load_study, prepare, run, run_batch, setup
from conntap.study.entries import with_run
from conntap.study.keeping import Keeping, clear_kept, kept_folder
from conntap.study.records import Records, stage_folder
from conntap.study.steps import find_step

STAGE = "  g: {do: 'keeping_steps:grown', of: local, n: 6, log: LOG, die_at: DIE}\n"


@pytest.fixture
def grown(write, local, folder):
    """A study of one subtarget whose unit of six things dies at one of them; and what it logs."""

    def writer(die_at, *, name="study.yaml", more=""):
        body = local.replace("of: subtargets.layers", "of: subtargets.layers, select: {draw: 1}")
        log = folder / f"{name}.log"
        return write(body + STAGE.replace("LOG", str(log)).replace("DIE", str(die_at)) + more, name=name), log

    return writer


def runs(path, **options):
    return run(with_run(load_study(path), **{"workers": 1, **options}))


def values(outcome, stage="g"):
    with open_store(outcome.store) as opened:
        return [each.tolist() for each in opened[stage]]


def logged(log):
    return [int(line) for line in log.read_text().split()]


def left(out, stage="g"):
    return sorted(each.name for each in (stage_folder(out, stage) / "kept").glob("*/*"))


def keys(path, stage="g"):
    return [unit.key for unit in prepare(load_study(path))[0][stage].units]


def test_a_worker_killed_in_the_middle_is_taken_up_where_it_was_and_the_values_are_the_same(grown, tmp_path):
    path, log = grown(3)
    study = with_run(load_study(path), workers=1)
    killed, whole = (run(study, out=tmp_path / name) for name in ("killed", "whole"))
    assert killed.ok
    assert logged(log) == [0, 1, 2, 3, 3, 4, 5, *range(6)]
    assert values(killed) == values(whole)
    took_up = [Records(stage_folder(each.out, "g")).refresh().done[keys(path)[0]].header() for each in (killed, whole)]
    assert ["taken_up" in each for each in took_up] == [True, False]
    assert not (stage_folder(killed.out, "g") / "kept").exists()


def test_what_a_killed_run_kept_waits_for_the_next_run(grown):
    path, log = grown(4)
    assert not runs(path, retries=0).ok
    out = load_study(path).folder
    assert len(left(out)) == 2
    again = runs(path)
    assert again.ok
    assert logged(log) == [0, 1, 2, 3, 4, 4, 5]
    assert left(out) == []


def test_another_process_takes_up_what_was_left(grown):
    path, log = grown(2)
    study = load_study(path)
    setup(study, study.folder)
    run_batch(study.folder, "local", 0)
    command = "import sys; from pathlib import Path; from conntap.study import run_batch; run_batch(Path(sys.argv[1]), 'g', 0)"
    done = [subprocess.run([sys.executable, "-c", command, str(study.folder)]).returncode for _ in range(2)]
    assert done == [-9, 0]
    assert logged(log) == [0, 1, 2, 2, 3, 4, 5]


def test_what_a_unit_keeps_is_in_no_key_and_no_option(grown, write, local):
    path, _ = grown(-1)
    assert "kept" not in str(prepare(load_study(path))[0]["g"].units[0].made)
    with pytest.raises(StudyError, match="unknown option 'kept'"):
        load_study(write(local + "  g: {do: 'keeping_steps:grown', of: local, n: 1, log: l, kept: here}\n"))
    with pytest.raises(StudyError, match=r"Write `kept: Path \| None = None`"):
        load_study(write(local + "  g: {do: 'keeping_steps:always', of: local}\n"))
    assert not find_step("keeping_steps:by_position").takes_kept


def test_what_was_taken_up_and_cannot_be_read_is_not_in_the_way_for_ever(write, local, folder):
    body = local.replace("layers}", "layers, select: {draw: 1}}")
    path = write(body + f"  s: {{do: 'keeping_steps:spoiled', of: local, mark: {folder / 'mark'}}}\n")
    told = [runs(path).failures for _ in range(2)]
    assert [each[0]["error"] for each in told] == [
        f"OptionError: spoiled: there was {found}." for found in ([], ["half"])
    ]
    assert runs(path).ok


def test_each_slice_keeps_its_own(grown):
    path, log = grown(-1)
    body = path.read_text().replace("die_at: -1}", "die_at: -1, slices: [s]}") + "slices: {s: ei}\n"
    path.write_text(body)
    assert runs(path).ok
    rows = len(logged(log)) // 6
    assert rows >= 2
    assert logged(log) == [*range(6)] * rows


def test_two_tries_at_once_have_a_folder_each_and_neither_harms_the_other(tmp_path):
    folder = tmp_path / "key"
    with Keeping(folder) as first, Keeping(folder) as second:
        one = first.begin()
        (one / "a").write_text("first")
        two = second.begin()
        assert (one == two, list(two.iterdir()), second.taken_up) == (False, [], False)
        (two / "a").write_text("second")
        second.over()
        assert (one / "a").read_text() == "first"
        assert not two.exists()
        (one / "b").write_text("goes on")
        first.over()
    assert not folder.exists()


def test_of_two_that_begin_at_once_one_takes_up_what_was_left(tmp_path):
    folder = tmp_path / "key"
    for text in ("much more", "little"):
        with Keeping(folder) as keeping:
            (keeping.begin() / "a").write_text(text) if text != "little" else None
    with Keeping(folder) as first, Keeping(folder) as second:
        assert (first.begin() / "a").read_text() == "much more"
        assert list(second.begin().iterdir()) == []


def test_what_a_try_on_another_machine_left_is_copied(tmp_path, monkeypatch):
    folder = tmp_path / "key"
    with Keeping(folder) as there, monkeypatch.context() as elsewhere:
        elsewhere.setattr(socket, "gethostname", lambda: "elsewhere")
        (there.begin() / "a").write_text("kept")
    with Keeping(folder) as here:
        assert (here.begin() / "a").read_text() == "kept"
        assert (there.path / "a").exists()
        here.over()
    assert not folder.exists()


def test_without_locks_a_living_process_keeps_what_is_its_own_and_a_dead_one_leaves_it(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", flock)
    with Keeping(tmp_path / "key") as first:
        (first.begin() / "a").write_text("kept")
        with Keeping(tmp_path / "key") as second:
            assert list(second.begin().iterdir()) == []
        lock = first.path.with_name(f"{first.path.name}.lock")
        child = subprocess.Popen([sys.executable, "-c", ""])
        child.wait()
        lock.write_text(f"{socket.gethostname()} {child.pid}")
        with Keeping(tmp_path / "key") as third:
            assert (third.begin() / "a").read_text() == "kept"


def test_a_try_that_kept_nothing_leaves_nothing(tmp_path):
    with Keeping(tmp_path / "key") as keeping:
        keeping.begin()
    with Keeping(tmp_path / "never"):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "stays"), [(MemoryError(), True), (OSError(errno.ENOSPC, "full"), True), (ValueError(), False)]
)
def test_an_error_takes_away_what_was_taken_up_but_where_memory_or_disk_ran_out(tmp_path, error, stays):
    for number in range(2):
        with Keeping(tmp_path / "key") as keeping:
            (keeping.begin() / str(number)).write_text("kept")
            keeping.raised(error)
    assert (tmp_path / "key").exists() == stays


def test_what_was_kept_goes_with_its_key(grown):
    path, _ = grown(4)
    runs(path, retries=0)
    out = load_study(path).folder
    (key,) = keys(path)
    assert kept_folder(out, "g", key).is_dir()
    with Keeping(kept_folder(out, "other", "at-work")) as other, Keeping(kept_folder(out, "other", "gone")) as gone:
        (other.begin() / "a").write_text("a")
        (gone.begin() / "a").write_text("a")
        gone.__exit__()
        assert clear_kept(out) == 2
        assert (other.path / "a").exists()
        assert not gone.folder.exists()
    assert clear_kept(out) == 1
    assert kept_folder(out, "g", key).is_dir()
    path.write_text(path.read_text().replace("n: 6", "n: 5"))
    assert runs(path).ok
    assert not (stage_folder(out, "g") / "kept").exists()


def test_values_are_those_of_the_function_called_by_hand(tmp_path):
    from keeping_steps import grown as step

    connectome = Connectome(2, [0], [1])
    found = [
        step(connectome, n=3, log=str(tmp_path / "log"), kept=kept, rng=np.random.default_rng(1))
        for kept in (None, tmp_path, tmp_path)
    ]
    assert found[0].tolist() == found[1].tolist() == found[2].tolist()
    assert logged(tmp_path / "log") == [0, 1, 2] * 2
