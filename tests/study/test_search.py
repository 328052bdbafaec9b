"""Searches: what they try, what they share, how they go on, and what they refuse."""

import json
import os
import re
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from conntap import cli
from conntap.errors import RunError, StudyError
from conntap.study import load_study, run
from conntap.study import search as searching
from conntap.study.entries import SearchEntry, with_run
from conntap.study.records import Records, stage_folder
from conntap.study.search import found, search
from conntap.study.search_page import write_search
from conntap.study.spaces import spaces_of
from conntap.study.trials import importances

pytest.importorskip("optuna")

BODY = """
seed: 4
stages:
  drawn: {{do: manipulate.erdos_renyi, of: local, repeat: 4}}
  local: {{do: circuits.connectome, of: circuits}}
  counted: {{do: "plugin_steps:edges", of: drawn}}
  sums: {{do: "plugin_steps:add", of: {{left: counted, right: counted}}, more: 1.0}}
search:
  best:
    vary: {{counted.times: [1, 2, 3], sums.more: {{low: -5.0, high: 5.0}}}}
    maximize: sums
    tune: {{repeat: [0, 1]}}
    test: {{repeat: [2, 3]}}
    trials: 5
    {more}
run: {{workers: 1}}
"""


def told(write, more="pruner: none", **names):
    body = BODY.format(more=more)
    for old, new in names.items():
        body = body.replace(old, new)
    return load_study(write(body))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A search that ended, for the tests that only look at it."""
    folder, here = tmp_path_factory.mktemp("finished"), str(Path(__file__).parent)
    (folder / "nodes.csv").write_text("id\n" + "\n".join(map(str, range(6))) + "\n")
    (folder / "edges.csv").write_text("pre,post\n0,1\n1,2\n0,2\n3,4\n4,3\n4,5\n2,3\n5,0\n")
    head = "study: A test\ncircuits:\n  toy: {path: edges.csv, nodes: nodes.csv}\n"
    (folder / "study.yaml").write_text(head + BODY.format(more="pruner: none"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(here)
        patch.setenv("PYTHONPATH", os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])]))
        return search(load_study(folder / "study.yaml"))


def test_the_best_trial_is_kept_and_scored_on_cases_that_were_not_tuned_on(finished):
    outcome = finished
    result, done = outcome.result, [each for each in outcome.trials if each["state"] == "done"]
    assert len(done) == result["trials"] == 5
    best = max(done, key=lambda each: each["value"])
    assert (result["options"], result["tune"]) == (best["options"], best["value"])
    times, more = best["options"]["counted.times"], best["options"]["sums.more"]
    assert best["value"] == pytest.approx(2 * 8 * times + more)
    assert result["test"] == pytest.approx(2 * 8 * times + more)
    assert result["as_it_stands"]["test"] == 17.0


def test_what_trials_share_is_computed_once(finished):
    folder = finished.folder
    shards = {name: Records(stage_folder(folder, name)).refresh() for name in ("drawn", "counted", "sums")}
    assert len(shards["drawn"].done) == 4
    assert len(list(shards["drawn"].headers())) == 4
    assert len(list(shards["counted"].headers())) <= 2 * 3 + 2 + 4  # tuned, the best tested, the document as it stands


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(write, tmp_path, finished):
    study, stopped = told(write), []

    def stop(event):
        if event["event"] == "done" and len(stopped) < 8:
            stopped.append(event)
            if len(stopped) == 8:
                raise KeyboardInterrupt

    with pytest.raises(BaseException, match=r"stopped|^$"):
        search(study, out=tmp_path / "parts", listen=stop)
    between = found(study, out=tmp_path / "parts")
    assert 0 < len(between.trials) < 5
    assert between.result == {}
    journal = next((tmp_path / "parts").rglob("trials-*.jsonl"))
    journal.write_text(journal.read_text() + '{"trial": 99, "sta')
    assert search(study, out=tmp_path / "parts").trials == finished.trials


def test_more_trials_go_on_and_the_number_of_workers_changes_nothing(write, tmp_path, finished):
    study = told(write)
    assert search(study, out=tmp_path / "a", trials=1).trials == finished.trials[:1]
    two = with_run(study, workers=2)
    assert search(two, out=tmp_path / "a", trials=3).trials == finished.trials[:3]


def test_dask_gives_the_same(write, tmp_path, finished):
    pytest.importorskip("distributed")
    study = with_run(told(write), where="dask", workers=1)
    assert search(study, out=tmp_path / "a", trials=2).trials == finished.trials[:2]


def test_another_range_begins_anew(write, tmp_path):
    search(told(write), out=tmp_path / "out", trials=1)
    other = told(write, **{"5.0}": "6.0}"})
    assert len(search(other, out=tmp_path / "out", trials=1).trials) == 1
    assert len(list((tmp_path / "out").rglob("trials-*.jsonl"))) == 2


def test_a_grid_tries_all_combinations(write):
    study = told(write, "sampler: grid", **{"{low: -5.0, high: 5.0}": "{low: 0, high: 1}", "[1, 2, 3]": "[1, 2]"})
    trials = search(study).trials
    assert [each["options"] for each in trials] == [
        {"counted.times": 1, "sums.more": 0},
        {"counted.times": 1, "sums.more": 1},
        {"counted.times": 2, "sums.more": 0},
        {"counted.times": 2, "sums.more": 1},
    ]


def test_a_hopeless_trial_is_pruned_after_its_first_case(write):
    study = told(write, "sampler: random", **{"trials: 5": "trials: 9"})
    trials = search(study).trials
    states = [each["state"] for each in trials]
    assert "pruned" in states[5:]
    assert "pruned" not in states[:5]
    assert all(len(each["cases"]) == 1 for each in trials if each["state"] == "pruned")


def test_units_that_fail_fail_their_trial_alone(write):
    study = told(
        write,
        "sampler: grid",
        **{
            '"plugin_steps:edges"': '"plugin_steps:fail_on", n_nodes: 1',
            "counted.times: [1, 2, 3]": "counted.n_nodes: [6, 7]",
            "sums.more: {low: -5.0, high: 5.0}": "sums.more: [0.0]",
        },
    )
    outcome = search(study)
    assert [each["state"] for each in outcome.trials] == ["failed", "done"]
    assert "will not take 6 nodes" in outcome.trials[0]["error"]
    assert outcome.result["options"]["counted.n_nodes"] == 7


def test_the_best_options_are_a_study_of_their_own(finished):
    best = load_study(finished.folder / "best.yaml")
    assert best.stages["sums"].options["more"] == finished.result["options"]["sums.more"]
    assert best.searches == {}
    assert run(best).ok


def test_a_search_is_no_part_of_what_makes_a_study_stale(write):
    assert told(write).hash == told(write, "seed: 3").hash


def test_cases_that_are_tuned_and_tested_on_are_refused(write):
    with pytest.raises(StudyError, match=r"1 cases are both tuned and tested on, such as .*'repeat': 1"):
        search(told(write, **{"repeat: [2, 3]": "repeat: [1, 2]"}))
    with pytest.raises(StudyError, match=r"no case of sums fits .*there are repeat: 0, 1, 2, 3"):
        search(told(write, **{"repeat: [2, 3]": "repeat: [9]"}))
    with pytest.raises(StudyError, match="unknown column of cases 'repat'; known: circuit, repeat"):
        search(told(write, **{"tune: {repeat": "tune: {repat"}))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("counted.times", "counted.time", r"search.best.vary.counted: unknown option 'time'.*Did you mean 'times'"),
        ("counted.times", "count.times", r"unknown stage 'count'"),
        ("[1, 2, 3]", "[1, x]", r"search.best.vary.times: 'x' does not fit int"),
        ("[1, 2, 3]", "{low: 3, high: 1}", r"low 3 is not below high 1"),
        ("[1, 2, 3]", "{from: 3}", r"Write a list of values"),
        ("maximize: sums", "maximize: sum", r"search.best.maximize: unknown stage 'sum'"),
        ("maximize: sums", "maximize: sums\n    minimize: sums", r"needs maximize or minimize, one of the two"),
        ("pruner: none", "sampler: grid", r"a grid needs values that can be counted"),
        ("pruner: none", "samplr: grid", r"unknown key 'samplr'"),
    ],
)
def test_what_cannot_be_searched_is_told_before_anything_runs(write, old, new, message):
    with pytest.raises(StudyError, match=message):
        told(write, **{old: new})


def test_a_stage_that_gives_several_numbers_needs_a_name(write):
    with pytest.raises(StudyError, match=r"sums gives a float, which has no 'x'"):
        search(told(write, **{"maximize: sums": "maximize: sums.x"}))


def test_a_study_without_searches_and_a_search_that_never_ran_are_told(write):
    with pytest.raises(RunError, match="no trial of this search"):
        found(told(write))
    with pytest.raises(StudyError, match="no search 'worst'; known: best"):
        search(told(write), "worst")


def test_ranges_become_what_optuna_draws_from():
    entry = SearchEntry(
        vary={"a.n": {"low": 1, "high": 8, "log": True}, "a.x": {"low": 0.5, "high": 2}, "a.c": [None, [1, 2]]},
        minimize="a",
        tune={"repeat": [0]},
        test={"repeat": [1]},
    )
    whole, real, choice = spaces_of(entry)
    assert whole.distribution().log
    assert type(real.distribution()).__name__ == "FloatDistribution"
    assert [choice.value(each) for each in choice.distribution().choices] == [None, [1, 2]]


def test_the_command_tells_trials_and_the_best(write, folder):
    told(write)
    path = str(folder / "study.yaml")
    shown = CliRunner().invoke(
        cli.tap, ["search", path, "--trials", "1", "--report", str(folder / "page.html")], catch_exceptions=False
    )
    assert "trial 1 of 1: done" in shown.output
    assert "tested" in shown.output
    assert (folder / "page.html").exists()
    as_json = CliRunner().invoke(cli.tap, ["search", path, "--show", "--json"], catch_exceptions=False)
    assert json.loads(as_json.output)["result"]["trials"] == 1


def test_each_launch_has_a_listener_of_its_own(write):
    heard = []

    @contextmanager
    def listening(folder):
        events = []
        yield events.append
        heard.append([each["event"] for each in events])

    search(told(write), trials=1, listening=listening)
    assert all(events.count("launch") == 1 for events in heard)
    assert searching.search is search


def test_the_example_of_the_documentation_runs(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "search.md").read_text()
    (tmp_path / "study.yaml").write_text(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1])
    result = search(with_run(load_study(tmp_path / "study.yaml"), workers=1), trials=2).result
    assert result["trials"] == 2
    assert 0 < result["test"] <= 1
    assert {"tune", "test"} <= result["as_it_stands"].keys()


def test_the_page_shows_scores_the_best_so_far_and_what_matters(finished, tmp_path):
    page = write_search(finished, load_study(finished.folder.parents[2] / "study.yaml"), tmp_path / "page.html")
    text = page.read_text()
    for each in ("as it stands", "tested on", "best_so_far", "PED-ANOVA", "counted.times", "Search best of A test"):
        assert each in text


def test_a_page_of_a_search_that_goes_on_says_so(finished, tmp_path):
    study = load_study(finished.folder.parents[2] / "study.yaml")
    page = write_search(replace(finished, trials=finished.trials[:1], result={}), study, tmp_path / "page.html")
    assert "1 trials so far; it has not ended" in page.read_text()
    assert "PED-ANOVA" not in page.read_text()


def test_options_that_set_the_better_trials_apart_are_told():
    entry = SearchEntry(
        vary={"a.x": {"low": 0.0, "high": 1.0}, "a.y": {"low": 0.0, "high": 1.0}},
        maximize="a",
        tune={"repeat": [0]},
        test={"repeat": [1]},
    )
    rng = np.random.default_rng(0)
    trials = [
        {"state": "done", "value": x, "cases": [x], "options": {"a.x": x, "a.y": y}, "trial": at, "error": ""}
        for at, (x, y) in enumerate(rng.random((60, 2)).tolist())
    ]
    told = importances(entry, spaces_of(entry), trials)
    assert told["a.x"] > 0.8
    assert sum(told.values()) == pytest.approx(1)
    assert importances(entry, spaces_of(entry), trials[:1]) == {}
