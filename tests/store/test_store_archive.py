"""Files that version 1 of the format wrote still read."""

from pathlib import Path

import pandas as pd
import pytest
from store_samples import same
from store_v1_content import ATTRS, CASES, VALUES

from conntap.store import decode, open_store, read, scan

HERE = Path(__file__).parents[1] / "archive"


@pytest.mark.parametrize("name", VALUES)
def test_a_stage_of_a_store_of_version_1_reads(name):
    with open_store(HERE / "store-v1.h5") as store:
        assert same(list(store[name]), VALUES[name])
        pd.testing.assert_frame_equal(store[name].cases, CASES)
        assert store[name].keys == ["k0", "k1", "k2"]
        assert (store[name].description, store[name].options) == (f"some {name}", {"n": 1})


def test_the_attributes_of_a_store_of_version_1_read():
    with open_store(HERE / "store-v1.h5") as store:
        assert store.attrs == ATTRS


def test_a_shard_of_version_1_reads():
    entries = scan(HERE / "shard-v1.shard")
    assert [entry.key for entry in entries] == list(VALUES)
    for entry in entries:
        assert same([decode(each) for each in read(entry)], VALUES[entry.key])
