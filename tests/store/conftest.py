"""Fixtures of the store's tests."""

import subprocess

import pytest


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MiB, which only root may mount."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
