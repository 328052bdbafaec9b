"""Histories for TensorBoard, read back by the definition of its records."""

import struct

import numpy as np
import pandas as pd

from conntap import train
from conntap.circuits import Connectome


def records(data):
    """The contents of the records of a file; their lengths are as they say."""
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        yield data[12 : 12 + length]
        data = data[16 + length :]


def test_a_curve_of_each_column_is_written_over_epochs(tmp_path):
    history = pd.DataFrame({"epoch": [1, 300], "loss": [0.75, 0.5], "accuracy": [np.nan, 0.25]})
    trained = train.Trained({"best": 1}, {}, history, Connectome(2, [0], [1]))
    path = train.write_tensorboard(trained, tmp_path / "one")
    first, *rows = records(path.read_bytes())
    assert first.endswith(b"brain.Event:2")
    assert [row[9:12] for row in rows] == [b"\x10\x01\x2a", b"\x10\xac\x02"]  # epochs 1 and 300
    assert rows[0].endswith(b"\x0a\x04loss\x15" + struct.pack("<f", 0.75))
    assert b"accuracy" not in rows[0]
    assert rows[1].endswith(b"\x0a\x08accuracy\x15" + struct.pack("<f", 0.25))
    assert train.write_tensorboard(trained, tmp_path / "one") == path
    assert len(list(path.parent.iterdir())) == 1
