"""Of an atlas the content counts, wherever it lies: for subtargets and for stages."""

import numpy as np
import pandas as pd
import pytest

from conntap import Connectome, write
from conntap.circuits.tissue import Volume, write_volume
from conntap.study import load_study
from conntap.study.setup import prepare

nrrd = pytest.importorskip("nrrd")

STUDY = """
study: atlas
seed: 1
circuits: {{toy: {{path: edges.csv, nodes: nodes.csv}}}}
subtargets: {{regions: {{do: circuits.voxels, annotation: {annotation}}}}}
stages:
  cut: {{do: circuits.connectome, of: subtargets.regions}}
  cells: {{do: build.from_atlas, densities: {{PC: {density}}}}}
"""


@pytest.fixture
def keys(tmp_path):
    cells = Connectome(pd.DataFrame({"x": [5.0, 15.0], "y": 5.0, "z": 5.0}), [0], [1])
    write(cells, tmp_path / "edges.csv", nodes=tmp_path / "nodes.csv")

    def of(annotation, density):
        (tmp_path / "study.yaml").write_text(STUDY.format(annotation=annotation, density=density))
        plans, subtargets, _ = prepare(load_study(tmp_path / "study.yaml"))
        return subtargets["subtargets.regions"]["toy"][0], plans["cells"].units[0].key

    return of


def volume(path, values):
    path.parent.mkdir(exist_ok=True)
    write_volume(Volume(np.array(values).reshape(2, 1, 1), [0, 0, 0], [10, 10, 10]), path)


def test_an_equal_atlas_elsewhere_has_equal_keys_and_a_changed_one_others(keys, tmp_path):
    for folder in ("a", "b"):
        volume(tmp_path / folder / "regions.nrrd", [1, 2])
        volume(tmp_path / folder / "density.nrrd", [1e6, 2e6])
    first = keys("a/regions.nrrd", "a/density.nrrd")
    assert keys("b/regions.nrrd", "b/density.nrrd") == first
    volume(tmp_path / "b" / "density.nrrd", [1e6, 3e6])
    nrrd.write(str(tmp_path / "b" / "regions.nrrd"), np.array([1, 2], np.int16).reshape(2, 1, 1), {
        "space directions": np.eye(3) * 10, "space origin": np.zeros(3)})  # fmt: skip
    other = keys("b/regions.nrrd", "b/density.nrrd")
    assert other[0] != first[0]
    assert other[1] != first[1]


def test_data_beside_a_header_count_too(keys, tmp_path):
    volume(tmp_path / "regions.nrrd", [1, 2])
    header = {"space directions": np.eye(3) * 10, "space origin": np.zeros(3), "encoding": "raw"}
    found = []
    for value in (1e6, 2e6):
        nrrd.write(str(tmp_path / "density.nhdr"), np.full((2, 1, 1), value), header, detached_header=True)
        text = (tmp_path / "density.nhdr").read_text()
        (tmp_path / "density.nhdr").write_text("\n".join(line for line in text.split("\n") if not line.startswith("#")))
        found.append(keys("regions.nrrd", "density.nhdr")[1])
    assert found[0] != found[1]
