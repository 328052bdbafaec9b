"""A mask from a file as a stage of a study."""

import numpy as np

from conntap import open_store
from conntap.study import load_study, run

STUDY = """\
study: A mask from a file
seed: 1
stages:
  column: {do: build.column, n_nodes: 20}
  mask: {do: manipulate.mask_from_file, of: column, path: PATH}
  size: {do: manipulate.mask_size, of: mask}
"""


def test_a_study_notices_that_the_file_of_a_mask_changed(tmp_path):
    path, document = tmp_path / "pairs.npy", tmp_path / "study.yaml"
    document.write_text(STUDY.replace("PATH", str(path)))
    found = []
    for pairs in ([[0, 1]], [[0, 1], [1, 2]]):
        np.save(path, pairs)
        outcome = run(load_study(document), out=tmp_path / "out")
        with open_store(outcome.store) as store:
            found += store["size"].load().to_dict().values()
    assert found == [1, 2]
