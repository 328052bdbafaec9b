"""A store is written whole or not at all."""

import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from store_samples import stage

from conntap.errors import StoreError
from conntap.store import File, StageData, encode, open_store, write_store


@pytest.fixture
def old(tmp_path):
    """A store that is there already."""
    write_store(tmp_path / "results.h5", attrs={"seed": 1}, stages=[stage([1, 2], "old")])
    return tmp_path / "results.h5"


def test_attributes_come_back_as_they_were(tmp_path):
    attrs = {"study": "a: µ\n" * 30_000, "seed": 2**80, "x": 0.5, "yes": True, "none": None, "list": [1, {"a": 2}]}
    write_store(tmp_path / "a.h5", attrs={**attrs, "empty": "", "nul": "a\0b"}, stages=[])
    with open_store(tmp_path / "a.h5") as store:
        assert store.attrs == {**attrs, "empty": "", "nul": "a\0b"}
        assert store.study == attrs["study"]


def test_what_is_said_of_a_stage_comes_back(tmp_path):
    said = StageData(
        "a", "what for", "step", {"n": np.int64(3), "names": ["x"]}, {"of": "cut"}, {"seconds": 1.5}, pd.DataFrame(), []
    )
    write_store(tmp_path / "a.h5", attrs={}, stages=[said])
    with open_store(tmp_path / "a.h5") as store:
        back = store["a"]
        assert (back.description, back.step, back.inputs) == ("what for", "step", {"of": "cut"})
        assert (back.options, back.attrs) == ({"n": 3, "names": ["x"]}, {"seconds": 1.5})


def test_stages_keep_their_order(tmp_path):
    write_store(tmp_path / "a.h5", attrs={}, stages=(stage([1], name) for name in ("z", "a", "m")))
    with open_store(tmp_path / "a.h5") as store:
        assert store.stages == ("z", "a", "m")


def test_entries_are_taken_one_at_a_time(tmp_path):
    alive = []

    def entries():
        for number in range(50):
            alive.append(number)
            yield encode(np.full(1000, number))

    cases = pd.DataFrame({"n": range(50)})
    write_store(tmp_path / "a.h5", attrs={}, stages=[StageData("a", cases=cases, keys=["k"] * 50, entries=entries())])
    assert len(alive) == 50


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), RuntimeError("broken")])
def test_an_error_while_collecting_leaves_the_old_store_and_nothing_else(old, error):
    def entries():
        yield encode(1)
        raise error

    broken = StageData("new", cases=pd.DataFrame({"n": [0, 1]}), keys=["a", "b"], entries=entries())
    with pytest.raises((StoreError, KeyboardInterrupt)):
        write_store(old, attrs={}, stages=[broken])
    assert [f.name for f in old.parent.iterdir()] == ["results.h5"]
    with open_store(old) as store:
        assert store.attrs == {"seed": 1}


_WRITES = """
import sys, numpy as np, pandas as pd
from conntap.store import StageData, encode, write_store

def entries():
    for number in range(1000):
        yield encode(np.random.default_rng(number).random(20_000))
        print(number, flush=True)

cases = pd.DataFrame({"n": range(1000)})
write_store(sys.argv[1], attrs={}, stages=[StageData("new", cases=cases, keys=["k"] * 1000, entries=entries())])
"""


def test_a_killed_writer_leaves_the_old_store(old):
    with subprocess.Popen([sys.executable, "-c", _WRITES, str(old)], stdout=subprocess.PIPE, text=True) as process:
        while int(process.stdout.readline()) < 30:
            pass
        process.send_signal(signal.SIGKILL)
    with open_store(old) as store:
        assert list(store["old"]) == [1, 2]


def test_a_full_disk_is_one_clear_error_and_leaves_the_old_store(small_disk):
    path = small_disk / "results.h5"
    write_store(path, attrs={}, stages=[stage([1, 2])])
    rng = np.random.default_rng(0)
    large = [rng.random(20_000) for _ in range(30)]
    with pytest.raises(StoreError, match="the disk is full; what was there before is untouched"):
        write_store(path, attrs={}, stages=[stage(large)])
    assert [f.name for f in small_disk.iterdir()] == ["results.h5"]
    with open_store(path) as store:
        assert list(store["values"]) == [1, 2]


def test_an_open_store_keeps_showing_what_it_showed(old):
    with open_store(old) as before:
        write_store(old, attrs={}, stages=[stage([7], "new")])
        assert list(before["old"]) == [1, 2]
    with open_store(old) as after:
        assert after.stages == ("new",)


def test_files_are_kept_beside_the_store_once_and_old_ones_go(tmp_path):
    (tmp_path / "fig.svg").write_text("<svg/>")
    figure = File(tmp_path / "fig.svg")
    write_store(tmp_path / "a.h5", attrs={}, stages=[stage([figure, figure, {"nested": figure}])])
    (tmp_path / "fig.svg").unlink()
    with open_store(tmp_path / "a.h5") as store:
        first, _, third = store["values"]
        assert first == third["nested"]
        assert first.read_bytes() == b"<svg/>"
        assert len(list((tmp_path / "a.h5.files").iterdir())) == 1
    write_store(tmp_path / "a.h5", attrs={}, stages=[])
    assert not (tmp_path / "a.h5.files").exists()


def test_a_file_that_changed_since_is_refused(tmp_path):
    (tmp_path / "fig.svg").write_text("one")
    encoded = encode(File(tmp_path / "fig.svg"))
    (tmp_path / "fig.svg").write_text("two")
    changed = StageData("a", cases=pd.DataFrame({"n": [0]}), keys=["k"], entries=[encoded])
    with pytest.raises(StoreError, match="changed since it was made"):
        write_store(tmp_path / "a.h5", attrs={}, stages=[changed])


@pytest.mark.parametrize(
    ("values", "keys", "what"),
    [([1], ["a", "b"], "1 values for 2 cases"), ([1, 2, 3], ["a", "b"], "more values"), ([1, 2], ["a"], "1 keys")],
)
def test_cases_keys_and_values_must_agree_in_number(tmp_path, values, keys, what):
    wrong = StageData("a", cases=pd.DataFrame({"n": [0, 1]}), keys=keys, entries=map(encode, values))
    with pytest.raises(StoreError, match=f"stages.a: .*{what}"):
        write_store(tmp_path / "a.h5", attrs={}, stages=[wrong])


@pytest.mark.parametrize("names", [["a", "a"], [""], ["a/b"]])
def test_names_of_stages_must_be_plain_and_stand_once(tmp_path, names):
    with pytest.raises(StoreError, match="stage name"):
        write_store(tmp_path / "a.h5", attrs={}, stages=[stage([], name, n=[]) for name in names])


def test_the_stores_own_attributes_cannot_be_given(tmp_path):
    with pytest.raises(StoreError, match=r"'version'.*the store's own"):
        write_store(tmp_path / "a.h5", attrs={"version": 3}, stages=[])


def test_the_input_is_untouched(tmp_path):
    cases = pd.DataFrame({"text": ["a", None], "list": [[1], "x"]})
    before = cases.copy(deep=True)
    data = StageData("a", cases=cases, keys=["k", "l"], entries=map(encode, [1, 2]))
    write_store(tmp_path / "a.h5", attrs={}, stages=[data])
    pd.testing.assert_frame_equal(cases, before)
