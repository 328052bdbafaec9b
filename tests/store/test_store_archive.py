"""Files that older versions of the format wrote still read."""

from pathlib import Path

import pandas as pd
import pytest
from store_samples import same
from store_v1_content import ATTRS, CASES, VALUES

from conntap.errors import CorruptStoreError
from conntap.store import decode, open_store, read, scan

HERE = Path(__file__).parents[1] / "archive"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", VALUES)
def test_a_stage_of_an_archived_store_reads(name, version):
    with open_store(HERE / f"store-v{version}.h5") as store:
        assert same(list(store[name]), VALUES[name])
        pd.testing.assert_frame_equal(store[name].cases, CASES)
        assert store[name].keys == ["k0", "k1", "k2"]
        assert (store[name].description, store[name].options) == (f"some {name}", {"n": 1})


@pytest.mark.parametrize("version", [1, 2])
def test_the_attributes_of_an_archived_store_read(version):
    with open_store(HERE / f"store-v{version}.h5") as store:
        assert store.attrs == ATTRS


def test_a_store_of_version_1_with_a_damaged_heap_is_corrupt(tmp_path):
    data = (HERE / "store-v1.h5").read_bytes()
    at = data.index(b"GCOL") + 16 + 8  # the size of its first text; HDF5 walks the heap by it
    (tmp_path / "s.h5").write_bytes(data[:at] + b"\xff" * 8 + data[at + 8 :])
    with pytest.raises(CorruptStoreError, match="damaged where it keeps its text"):
        open_store(tmp_path / "s.h5")


def test_a_shard_of_version_1_reads():
    entries = scan(HERE / "shard-v1.shard")
    assert [entry.key for entry in entries] == list(VALUES)
    for entry in entries:
        assert same([decode(each) for each in read(entry)], VALUES[entry.key])
