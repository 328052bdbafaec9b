"""Every example runs as it stands."""

from pathlib import Path

import pytest

from conntap import open_store
from conntap.report import write_page
from conntap.study import load_study, run

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_example_runs_and_its_page_is_written(path, tmp_path):
    outcome = run(load_study(path), out=tmp_path / "out")
    assert outcome.ok
    assert write_page(outcome.store, tmp_path / "page.html", failures=[]).stat().st_size > 10_000


def test_wiring_between_groups_holds_every_edge_once(tmp_path):
    outcome = run(load_study(EXAMPLES / "groups.yaml"), out=tmp_path / "out")
    with open_store(outcome.store) as store:
        between = store["between"].summarize(lambda connectome: connectome.n_edges)
        lines = (EXAMPLES / "groups" / "edges.csv").read_text().splitlines()
        assert between.sum() == len(lines) - 1
        assert list(store["between"].cases.columns) == ["circuit", "pre_subtarget", "post_subtarget"]
