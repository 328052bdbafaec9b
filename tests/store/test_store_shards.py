"""Shards keep every whole record, whatever happens to the rest."""

import logging
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conntap.errors import CorruptStoreError, StoreError
from conntap.store import ShardWriter, decode, encode, is_whole, read, scan, survey


def write(path, keys, values=()):
    with ShardWriter(path) as shard:
        for number, key in enumerate(keys):
            shard.append(key, {"number": number}, [encode(value) for value in values] or None)
    return path


def test_records_come_back_in_order_with_their_headers(tmp_path):
    entries = scan(write(tmp_path / "0.shard", "abc"))
    assert [(e.key, e.header) for e in entries] == [("a", {"number": 0}), ("b", {"number": 1}), ("c", {"number": 2})]


def test_several_values_of_a_record_come_back(tmp_path):
    (entry,) = scan(write(tmp_path / "0.shard", "a", [1, "two", np.arange(3)]))
    assert [decode(e) for e in read(entry)][:2] == [1, "two"]


def test_arrays_that_are_read_may_be_written_to_and_are_aligned(tmp_path):
    (entry,) = scan(write(tmp_path / "0.shard", ["odd-key"], [np.arange(3), np.arange(20_000)]))
    for encoded in read(entry):
        data = encoded.arrays["data"]
        assert data.flags.writeable
        assert data.flags.aligned


def test_large_arrays_are_compressed_and_come_back(tmp_path):
    large = np.arange(100_000)
    (entry,) = scan(write(tmp_path / "0.shard", "a", [large]))
    assert entry.length < large.nbytes / 2
    assert np.array_equal(decode(read(entry)[0]), large)


def test_an_empty_file_has_no_records_and_no_damage(tmp_path):
    (tmp_path / "0.shard").touch()
    assert survey(tmp_path / "0.shard") == ([], 0)


def test_a_missing_shard_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"0\.shard: the shard cannot be read"):
        scan(tmp_path / "0.shard")


def test_a_file_that_is_no_shard_is_never_written_to(tmp_path):
    (tmp_path / "notes.txt").write_text("dear diary")
    with pytest.raises(StoreError, match="it is no shard"):
        ShardWriter(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "dear diary"


def test_a_closed_writer_refuses_to_append(tmp_path):
    shard = ShardWriter(tmp_path / "0.shard")
    shard.close()
    shard.close()
    with pytest.raises(StoreError, match="closed"):
        shard.append("a", {}, None)


def test_a_torn_tail_at_any_byte_leaves_the_earlier_records(tmp_path):
    whole = write(tmp_path / "0.shard", "ab", [1.5]).read_bytes()
    first = scan(tmp_path / "0.shard")[0].length
    for cut in range(first, len(whole)):
        (tmp_path / "torn.shard").write_bytes(whole[:cut])
        entries, damaged = survey(tmp_path / "torn.shard")
        assert [e.key for e in entries] == ["a"]
        assert damaged == (cut > first)


def test_a_new_writer_cuts_off_a_torn_tail_and_goes_on(tmp_path):
    path = write(tmp_path / "0.shard", "ab", [1.5])
    os.truncate(path, path.stat().st_size - 3)
    write(path, "cd", [2.5])
    assert [e.key for e in scan(path)] == ["a", "c", "d"]
    assert survey(path)[1] == 0


def test_records_after_a_torn_one_are_found(tmp_path):
    torn = write(tmp_path / "0.shard", "ab", [np.arange(50)]).read_bytes()[:-100]
    later = write(tmp_path / "1.shard", "cde", [np.arange(50)]).read_bytes()
    (tmp_path / "both.shard").write_bytes(torn + later)
    entries, damaged = survey(tmp_path / "both.shard")
    assert [e.key for e in entries] == ["a", "c", "d", "e"]
    assert damaged == 1


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_costs_its_record_only_and_never_gives_a_wrong_value(tmp_path, place, bit):
    path = tmp_path / "0.shard"
    if not path.exists():
        write(path, "abc", [np.arange(40), "text"])
    data = bytearray(path.read_bytes())
    at = int(place * len(data))
    data[at] ^= 1 << bit
    hit = next(e.key for e in scan(path) if e.offset <= at < e.offset + e.length)
    (tmp_path / "bad.shard").write_bytes(data)
    sound = [e for e in scan(tmp_path / "bad.shard") if is_whole(e)]
    assert [e.key for e in sound] == [key for key in "abc" if key != hit]
    assert all(np.array_equal(decode(read(e)[0]), np.arange(40)) for e in sound)


def test_reading_a_damaged_record_says_so(tmp_path):
    path = write(tmp_path / "0.shard", "ab", [np.arange(40)])
    first = scan(path)[0]
    data = bytearray(path.read_bytes())
    data[first.length - 20] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptStoreError, match="record 'a' at byte 0 is damaged"):
        read(scan(path)[0])


def test_damage_is_logged_with_its_count(tmp_path, caplog):
    path = write(tmp_path / "0.shard", "ab")
    os.truncate(path, path.stat().st_size - 1)
    with caplog.at_level(logging.WARNING):
        scan(path)
    assert "1 damaged or unfinished records skipped" in caplog.text


def test_a_reader_beside_a_writer_sees_whole_records_only(tmp_path):
    path = tmp_path / "0.shard"
    seen = 0
    with ShardWriter(path) as shard:
        for number in range(30):
            shard.append(str(number), {}, [encode(np.full(5_000, number))])
            entries = scan(path)
            assert len(entries) == number + 1 > seen
            assert decode(read(entries[-1])[0])[0] == number
            seen = len(entries)


_APPENDS = """
import sys, numpy as np
from conntap.store import ShardWriter, encode
with ShardWriter(sys.argv[1]) as shard:
    number = 0
    while True:
        shard.append(str(number), {}, [encode(np.full(30_000, number))])
        print(number, flush=True)
        number += 1
"""


def test_a_killed_writer_loses_nothing_that_was_appended(tmp_path):
    path = tmp_path / "0.shard"
    with subprocess.Popen([sys.executable, "-c", _APPENDS, str(path)], stdout=subprocess.PIPE, text=True) as process:
        told = [int(process.stdout.readline()) for _ in range(20)]
        time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    values = [int(decode(read(entry)[0])[0]) for entry in scan(path)]
    assert values[: len(told)] == told
    assert len(values) <= len(told) + 1


def test_a_full_disk_takes_the_record_back(small_disk):
    rng = np.random.default_rng(0)
    with ShardWriter(small_disk / "0.shard") as shard:
        shard.append("small", {}, [encode(1)])
        with pytest.raises(StoreError, match="record 'large' cannot be written: the disk is full"):
            shard.append("large", {}, [encode(rng.random(300_000))])
        shard.append("small too", {}, [encode(2)])
    assert [e.key for e in scan(small_disk / "0.shard")] == ["small", "small too"]
