"""Studies on real circuits run end to end."""

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from test_document import ACROSS_COLUMNS

from conntap import open_store
from conntap.study import load_study, run


def test_the_study_across_columns_runs_on_the_point_neurons(shared_data, tmp_path):
    shutil.copytree(shared_data / "sonata" / "300_pointneurons", tmp_path / "circuit")
    study = tmp_path / "circuit" / "study.yaml"
    study.write_text(ACROSS_COLUMNS)
    done = subprocess.run([sys.executable, "-m", "conntap.cli", "run", study], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "circuit" / "study" / "report.html").exists()
    with open_store(tmp_path / "circuit" / "study" / "store.h5") as store:
        cells, local, counts = store["cells"].frame(), store["local"], store["counts"]
        assert len(cells) == 300
        assert set(cells["ei"]) == {"e", "i"}
        own = counts.load("control == 'original' and slice == 'full'")
        for connectome, value in zip(local.load(), own, strict=True):
            matrix = connectome.adjacency().toarray() > 0
            np.fill_diagonal(matrix, False)
            triangles = int(np.sum((matrix.astype(int) @ matrix) * matrix))
            padded = [*value.tolist(), 0, 0, 0]
            assert padded[:3] == [len(matrix), int(matrix.sum()), triangles]


@pytest.fixture
def worm(shared_data, tmp_path):
    (tmp_path / "study.yaml").write_text(
        f"""\
study: The worm
circuits:
  worm: {{path: "{shared_data / "celegans" / "herm_full_edgelist.csv"}"}}
subtargets: {{all: {{do: circuits.whole}}}}
stages:
  local: {{do: circuits.connectome, of: subtargets.all}}
  counts: {{do: analyze.simplex_counts, of: local}}
  degrees: {{do: analyze.degrees, of: local}}
"""
    )
    return tmp_path / "study.yaml"


def test_the_worms_simplices_are_those_of_flagser(worm):
    outcome = run(worm)
    with open_store(outcome.store) as store:
        counts = store["counts"][0].tolist()
        assert counts[1] == 6579
        assert counts[2:] == [33030, 103930, 276513, 629887, 1071320, 1217863, 886540, 348281, 32340]
        assert "AVAL" in store["degrees"].frame().index.get_level_values("id")


def test_a_study_over_the_cell_types_of_the_fly_runs_end_to_end(shared_data, tmp_path):
    folder = shared_data / "fly_visual"
    (tmp_path / "study.yaml").write_text(
        f"""\
study: The fly's visual system by cell type
circuits:
  fly: {{path: "{folder / "edges.parquet"}", nodes: "{folder / "nodes.csv.gz"}"}}
subtargets: {{types: {{do: circuits.groups, by: cell_type}}}}
stages:
  local: {{do: circuits.connectome, of: subtargets.types}}
  inputs: {{do: circuits.inputs, of: subtargets.types, discard: true}}
  degrees: {{do: analyze.degrees, of: local}}
  counts: {{do: analyze.simplex_counts, of: local}}
"""
    )
    outcome = run(load_study(tmp_path / "study.yaml"))
    assert outcome.ok
    edges = pd.read_parquet(folder / "edges.parquet")
    types = pd.read_csv(folder / "nodes.csv.gz")["cell_type"].to_numpy()
    inside = edges[types[edges["pre"]] == types[edges["post"]]]
    with open_store(outcome.store) as store:
        found = store["local"].summarize(lambda connectome: connectome.n_edges)
        assert len(found) == 65
        assert found.sum() == len(inside)
        sizes = store["counts"].frame().xs(0, level="dimension")["counts"]
        assert sizes.sum() == len(types)
