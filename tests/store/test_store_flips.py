"""Damaged files end in an error, never in a crash, an endless loop or another value."""

import subprocess
import sys
from pathlib import Path

import pytest
from store_v1_content import ATTRS, stages

from conntap import build, write
from conntap.seeds import stream
from conntap.store import write_store


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flips")
    write_store(folder / "store.h5", attrs={**ATTRS, "study": "seed: 1\n" * 1000}, stages=stages())
    write(build.column(n_nodes=60, rng=stream(1, "flips")), folder / "connectome.h5")
    return folder


@pytest.mark.parametrize(("name", "n"), [("store.h5", 60), ("connectome.h5", 150)])
def test_a_flipped_byte_is_told_or_changes_nothing(files, name, n):
    script = Path(__file__).with_name("flipped_files.py")
    done = subprocess.run(
        [sys.executable, script, files / name, "7", str(n)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout[-200:] + done.stderr[-2000:]
