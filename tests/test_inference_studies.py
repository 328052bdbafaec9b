"""The studies of inference: from wiring to spikes to fluorescence and back to wiring."""

from functools import cache
from pathlib import Path

import pytest

from conntap import open_store
from conntap.report import write_page
from conntap.study import load_study, run
from conntap.study.records import Records, stage_folder

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "inference"
SMALLER = {
    "study": "  network: {repeat: 2}\n  spikes: {duration_s: 60}\n  recording: {each: {noise: [0.1, 1.0]}}\n",
    "culture": "  culture: {repeat: 1}\n  spikes: {duration_s: 300}\n",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Runs an example, made smaller, once."""

    @cache
    def once(name):
        folder = tmp_path_factory.mktemp(name)
        (folder / "smaller.yaml").write_text(f"extends: {FOLDER / f'{name}.yaml'}\nstages:\n{SMALLER[name]}")
        return run(load_study(folder / "smaller.yaml"), out=folder / "out")

    return once


@pytest.mark.parametrize("name", ["study", "culture"])
def test_a_study_runs_its_page_is_written_and_its_intermediates_are_gone(ran, tmp_path, name):
    outcome = ran(name)
    assert outcome.ok
    assert "cannot be drawn" not in write_page(outcome.store, tmp_path / "page.html").read_text()
    records = Records(stage_folder(outcome.out, "activity")).refresh().done
    assert records
    assert all(record.gone for record in records.values())


def test_noise_hides_connections_and_spikes_show_most(ran):
    with open_store(ran("study").store) as store:
        auc = store["score_of_regression"].frame().iloc[:, 0].unstack("measure")["roc_auc"]
        by_noise = auc.groupby("noise").mean()
        best = store["score_of_correlogram"].frame().iloc[:, 0].unstack("measure")["roc_auc"].mean()
    assert best > 0.85
    assert best > by_noise[1.0]
    assert by_noise[0.1] > by_noise[1.0] > 0.5


def test_a_bursting_culture_is_told_better_than_by_chance(ran):
    with open_store(ran("culture").store) as store:
        score = store["score_of_winner"][0]
    assert score["roc_auc"] > 0.6
    assert score["pr_auc"] > 1.5 * score["prevalence"]
