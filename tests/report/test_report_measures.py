"""Tables whose rows are no nodes, and participation, on the page."""

import numpy as np
import pandas as pd
import pytest
from report_samples import stage

from conntap.circuits.connectome import Connectome
from conntap.report import write_page
from conntap.report.measures import shape
from conntap.store import write_store

RNG = np.random.default_rng(1)
PAIRS = pd.MultiIndex.from_product([["e", "i"], ["e", "i"]], names=["pre", "post"])
CURVE = pd.DataFrame(
    {"probability": [0.2, 0.1, 0.05], "fitted": [0.21, 0.1, 0.05], "pairs": [40, 90, 200]},
    index=pd.Index([25.0, 75.0, 125.0], name="distance_um"),
)
NAMES = pd.DataFrame({"radius": [3.0, 1.0]}, index=pd.Index(["adjacency", "transition"], name="matrix"))
GRID = pd.DataFrame({"connections": [5, 2, 7, 1], "probability": RNG.random(4)}, index=PAIRS)
BEDGES = pd.DataFrame(
    RNG.integers(0, 9, (5, 3)).astype(float),
    index=pd.MultiIndex.from_tuples([(1, 0), (1, 1), (2, 0), (2, 1), (2, 2)], names=["dimension", "pre"]),
    columns=pd.Index([0, 1, 2], name="post"),
)
PARTICIPATION = pd.DataFrame(
    RNG.poisson(4, (12, 3)), index=pd.RangeIndex(12, name="id"), columns=pd.RangeIndex(3, name="dimension")
)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (CURVE, "curve"),
        (NAMES, "names"),
        (GRID, "grid"),
        (BEDGES, "grid"),
        (PARTICIPATION, "participation"),
        (PARTICIPATION.rename_axis(columns=None), "rows"),
        (pd.DataFrame({"a": [1]}), "rows"),
        (pd.DataFrame({"a": range(99)}, index=pd.RangeIndex(99, name="degree")), "rows"),
    ],
)
def test_what_a_table_is_shows_in_its_index(frame, kind):
    assert shape(frame) == kind


def page_of(frame, tmp_path, **about):
    drawn = frame.mul(0.5) if frame is not PARTICIPATION else frame // 2
    cases = [{"subtarget": "R1", "control": "original", "draw": -1}]
    cases += [{"subtarget": "R1", "control": "er", "draw": draw} for draw in range(2)]
    nodes = pd.DataFrame({"layer": [4, 5] * 6})
    connectome = Connectome(nodes, RNG.integers(0, 12, 30), RNG.integers(0, 12, 30))
    stages = [
        stage("local", [({"subtarget": "R1"}, connectome)]),
        stage("measured", list(zip(cases, [frame, drawn, drawn])), inputs={"connectome": "local"}),
    ]
    write_store(tmp_path / "store.h5", attrs={"study": "study: m"}, stages=stages)
    return write_page(tmp_path / "store.h5", tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (
            CURVE,
            [
                "probability by distance_um, and what is fitted",
                "The values (pairs) by distance_um",
                "probability: originals against",
            ],
        ),
        (NAMES, ["The values (radius) by matrix", "Originals against their controls"]),
        (GRID, ["The values by pre and post", "connections: originals against their controls"]),
        (BEDGES, ["The values by pre and post", "dimension 2"]),
        (PARTICIPATION, ["The mean over the nodes of each layer", "layer 4", "dimension 2"]),
    ],
)
def test_each_shape_has_its_figures(frame, words, tmp_path):
    text = page_of(frame, tmp_path)
    assert "cannot be drawn" not in text
    for word in words:
        assert word in text
