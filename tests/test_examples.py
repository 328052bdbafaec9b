"""Every example runs as it stands."""

from functools import cache
from pathlib import Path

import pytest

from conntap import open_store
from conntap.report import write_page
from conntap.study import against, load_study, run

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Runs an example, once, and gives what came out."""
    return cache(lambda name: run(load_study(EXAMPLES / f"{name}.yaml"), out=tmp_path_factory.mktemp(name) / "out"))


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.yaml")))
def test_an_example_runs_and_its_page_is_written(name, ran, tmp_path):
    assert ran(name).ok
    assert write_page(ran(name).store, tmp_path / "page.html", failures=[]).stat().st_size > 10_000


def test_wiring_between_groups_holds_every_edge_once(ran):
    with open_store(ran("groups").store) as store:
        between = store["between"].summarize(lambda connectome: connectome.n_edges)
        lines = (EXAMPLES / "groups" / "edges.csv").read_text().splitlines()
        assert between.sum() == len(lines) - 1
        assert list(store["between"].cases.columns) == ["circuit", "pre_subtarget", "post_subtarget"]


def test_distance_explains_the_simplices_of_a_column_and_degrees_do_not(ran):
    with open_store(ran("measures").store) as store:
        z = {
            null: store["counts"].against(null).query("dimension == 2")["z"].item() for null in ("degrees", "distances")
        }
    assert z["degrees"] > 20
    assert abs(z["distances"]) < 3


def test_controls_that_are_kept_stand_beside_the_columns_that_were_selected(ran):
    with open_store(ran("measures").store) as store:
        table = against(store["efficiency"], store["efficiency-of-rewired"])
    assert len(table) == 2
    assert (table["draws"] == 10).all()
