"""Stores to report on and their pages."""

import numpy as np
import pytest
from report_samples import ATTRS, stages

from conntap.report import write_page
from conntap.store import write_store


@pytest.fixture(scope="session")
def store_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "results.h5"
    write_store(path, attrs=ATTRS, stages=stages(np.random.default_rng(5)))
    return path


@pytest.fixture
def write(tmp_path):
    """Writes a store of some stages and gives the text of its page."""

    def page(*made, attrs=None, **options):
        write_store(tmp_path / "results.h5", attrs=attrs or {}, stages=made)
        return write_page(tmp_path / "results.h5", tmp_path / "page.html", **options).read_text()

    return page
