"""The study of reciprocal connections in spines of simplices: on a small column, and on the fly's visual system."""

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from conntap import open_store
from conntap.report.stages import section
from conntap.study import load_study, run

STUDY = Path(__file__).resolve().parents[1] / "examples" / "reciprocal" / "study.yaml"
KINDS = ("structured", "unstructured")
FLY = """\
extends: {study}
circuits: {{fly: {{path: "{fly}/edges.parquet", nodes: "{fly}/nodes.csv.gz"}}}}
subtargets: {{centre: {{do: circuits.groups, by: {{centre: "u >= -3 and u <= 3 and v >= -3 and v <= 3"}}}}}}
stages:
  column: {{do: circuits.connectome, of: subtargets.centre, n_nodes: null, p_near: null, length_um: null}}
  spines-5-6: {{dimensions: [7, 8]}}
  spines-4-6: {{dimensions: [6, 7, 8]}}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Runs the study on a column of 600 cells, once."""

    @cache
    def once():
        folder = tmp_path_factory.mktemp("reciprocal")
        text = f"extends: {STUDY}\nstages: {{column: {{n_nodes: 600, radius_um: 90}}}}\n"
        (folder / "study.yaml").write_text(text)
        return run(load_study(folder / "study.yaml"), out=folder / "out")

    return once


def changes(store):
    """The counts before and after, of both kinds, by fraction and dimension."""
    loaded = {kind: store[f"change-{kind}"].load() for kind in KINDS}
    return {kind: pd.concat(tables.to_dict(), names=tables.index.names) for kind, tables in loaded.items()}


def holds(store):
    """Whether every check of both kinds holds."""
    return all(table["holds"].all() for kind in KINDS for table in store[f"check-{kind}"].load())


def test_what_is_removed_is_what_was_asked_for_and_nothing_else(ran):
    assert ran().ok
    with open_store(ran().store) as store:
        assert holds(store)


def test_as_many_pairs_anywhere_lose_a_direction_as_in_spines(ran):
    with open_store(ran().store) as store:
        amounts, found = store["amount"].load(), changes(store)
    assert amounts.is_monotonic_increasing
    assert amounts.iloc[0] > 0
    for kind in KINDS:
        assert (-found[kind].xs(1, level="dimension")["change"]).tolist() == amounts.tolist()


def test_spines_of_high_simplices_matter_more_than_as_many_connections_anywhere(ran):
    with open_store(ran().store) as store:
        found = changes(store)
    left = {kind: found[kind].xs(4, level="dimension")["after"] for kind in KINDS}
    assert (left["structured"] < left["unstructured"]).all()


def test_the_report_shows_counts_before_and_after_in_one_table(ran):
    with open_store(ran().store) as store:
        found = section(store["change-structured"]).blocks[-1]
    assert found.heads == ("fraction", "dimension", "before", "after", "change", "ratio")


def test_the_study_holds_for_the_centre_of_the_visual_system_of_the_fly(shared_data, tmp_path):
    (tmp_path / "fly.yaml").write_text(FLY.format(study=STUDY, fly=shared_data / "fly_visual"))
    outcome = run(load_study(tmp_path / "fly.yaml"), out=tmp_path / "out")
    assert outcome.ok
    with open_store(outcome.store) as store:
        assert holds(store)
        found = changes(store)
    assert found["structured"].index.get_level_values("dimension").max() == 8
    left = {kind: found[kind].xs(8, level="dimension")["after"] for kind in KINDS}
    assert (left["structured"] < left["unstructured"]).all()
