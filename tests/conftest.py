"""Fixtures that every room's tests share."""

import os
from pathlib import Path

# Tests run beside each other: one thread each, before numpy comes.
os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")
os.environ["OPENBLAS_NUM_THREADS"] = os.environ.get("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings
from slurm_server import slurm, slurm_server  # noqa: F401 (fixtures)

collect_ignore = ["circuits/files/connectome_manipulator/make.py"]  # needs the package whose files it makes


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real circuits and connectomes beside the checkout; tests that need it skip elsewhere."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real inputs (../shared/data) are not here")
    return folder


settings.register_profile("conntap", deadline=None)  # kernels are compiled in the middle of a test
settings.load_profile("conntap")
