"""Connectomes of recordings: what is kept, what is told, and the command `tap infer`."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from conntap import Connectome, Spikes, Traces, activity, cli, infer, read, write
from conntap.errors import ConntapError, OptionError, StudyError
from conntap.infer.pairs import all_pairs
from conntap.study import load_study
from conntap.study.inference import (
    Asked,
    called,
    infer_recording,
    judged,
    keep_strongest,
    kinds_of,
    mend,
    methods,
    preparations,
)

N = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Spikes and traces of a chain of neurons, whole and broken, and its connections."""
    path = tmp_path_factory.mktemp("inference")
    rng = np.random.default_rng(2)
    truth = Connectome(N, np.arange(N - 1), np.arange(1, N), properties={"weight": np.ones(N - 1)})
    fired = rng.random((20_000, N)) < 0.01
    for node in range(1, N):
        fired[2:, node] |= fired[:-2, node - 1] & (rng.random(19_998) < 0.6)
    steps, nodes = np.nonzero(fired)
    activity.write_spikes(Spikes(nodes, steps.astype(float), duration_ms=20_000, ids=N), path / "spikes.npz")
    values = fired + rng.normal(0, 0.1, fired.shape)
    activity.write_traces(Traces(values, dt_ms=20), path / "traces.npz")
    values[50:60, 3] = np.nan
    values[:, 5] = 0.0
    activity.write_traces(Traces(values, dt_ms=20), path / "broken.npz")
    write(truth, path / "truth.h5")
    return path


def tap(*arguments, code=0):
    outcome = CliRunner().invoke(cli.tap, ["infer", *map(str, arguments)])
    if code == 0:
        assert outcome.exit_code == 0, outcome.output
        return outcome
    assert outcome.exit_code != 0
    return outcome


def asked(folder, name="spikes.npz", method="lagged_correlation", **given):
    return Asked(recording=folder / name, method=called(method, methods(), "--method"), **given)


def test_methods_infer_and_preparations_prepare():
    names = {step.name.removeprefix("infer.") for step in methods()}
    assert {"pearson", "partial_correlation", "challenge", "regression"} <= names
    assert not names & {"score", "simulate_lif", "significance", "strongest"}
    assert {"dff", "binned", "deconvolved"} <= {step.name.removeprefix("infer.") for step in preparations()}


def test_settings_are_read_as_in_a_study_and_checked():
    assert called("regression", methods(), "--method", ["lags=[1, 2]"]).options == {"lags": [1, 2]}
    assert called("{do: binned, bin_ms: 5}", preparations(), "--prepare").options == {"bin_ms": 5.0}
    with pytest.raises(OptionError, match=r"unknown option 'lagss'.*Did you mean 'lags'"):
        called("regression", methods(), "--method", ["lagss=2"])
    with pytest.raises(OptionError, match=r"Write lags=\[1\]"):
        called("regression", methods(), "--method", ["lags=1"])
    with pytest.raises(OptionError, match="does not fit"):
        called("regression", methods(), "--method", ["lags=some"])
    with pytest.raises(OptionError, match="write option=value"):
        called("regression", methods(), "--method", ["lags"])
    with pytest.raises(StudyError, match="Did you mean 'pearson'"):
        called("pearsn", methods(), "--method")
    with pytest.raises(OptionError, match="needs the option 'bin_ms'"):
        called("binned", preparations(), "--prepare")


@pytest.mark.parametrize(("given", "edges"), [({"keep": 2}, 2), ({"keep": 0.5}, 3), ({"precision": 0.85}, 2), ({}, 6)])
def test_the_strongest_pairs_are_kept(given, edges):
    matrix = np.array([[0, 0.9, 0.4], [0.2, 0, 0.1], [0.8, 0.3, 0]])
    pairs = all_pairs(3, score=matrix, probability=matrix)
    kept = keep_strongest(pairs, **given)
    assert kept.connectome.n_edges == edges
    assert kept.connectome.n_nodes == 3
    assert kept.threshold == sorted(matrix[matrix > 0])[-edges]
    assert pairs.n_edges == 6


def test_where_no_pair_is_sure_enough_none_is_kept_and_it_is_said(folder):
    matrix = np.full((3, 3), 0.3)
    assert keep_strongest(all_pairs(3, score=matrix, probability=matrix), precision=0.9).connectome.n_edges == 0
    with pytest.raises(OptionError, match=r"--keep: 2\.5"):
        keep_strongest(all_pairs(3, score=matrix), keep=2.5)
    assert keep_strongest(all_pairs(3, score=matrix), precision=0.5).connectome.n_edges == 0


@pytest.mark.parametrize("n", [3, 10])
def test_of_too_few_pairs_for_probabilities_the_ranking_is_told(tmp_path, n):
    rng = np.random.default_rng(n)
    spikes = Spikes(rng.integers(0, n, 300 * n), np.sort(rng.random(300 * n) * 60_000), duration_ms=60_000, ids=n)
    activity.write_spikes(spikes, tmp_path / "few.npz")
    text = tap(tmp_path / "few.npz").output
    assert "0 kept (these scores are too few or too alike" in text
    assert "--keep N" in text
    assert "strongest pairs, none of them kept" in text
    told = json.loads(tap(tmp_path / "few.npz", "--precision", 0.5, "--json").stdout)
    assert (told["kept"], told["strongest"], len(told["ranking"])) == (0, [], min(10, n * (n - 1)))
    assert json.loads(tap(tmp_path / "few.npz", "--keep", 2, "--json").stdout)["kept"] == 2


@pytest.mark.parametrize(("values", "live"), [(np.nan, "none of the 10 nodes are live"), (0.0, "none of"), (None, "1 of the 10 nodes is live")])  # fmt: skip
def test_where_no_node_is_live_it_is_said(tmp_path, values, live):
    same = np.repeat(np.random.default_rng(0).normal(size=(300, 1)), 10, axis=1)
    whole = same if values is None else np.full((300, 10), values)
    activity.write_traces(Traces(whole, dt_ms=20), tmp_path / "dead.npz")
    out = tmp_path / "none.h5"
    assert live in " ".join(tap(tmp_path / "dead.npz", "--out", out, "--report", tmp_path / "page.html").output.split())
    assert read(out).n_edges == 0


def test_the_method_that_suits_is_chosen_and_said(folder):
    text = tap(folder / "spikes.npz", "--truth", folder / "truth.h5").output
    assert "auto: " in text
    assert "infer.auto: 240 pairs scored" in text
    told = json.loads(tap(folder / "spikes.npz", "--json").stdout)
    assert told["chosen"]["method"]
    assert told["expected_precision"] is None or told["expected_precision"] >= 0.8 or told["kept"] == 0


def test_a_recording_in_which_nothing_happens_gives_no_connections(tmp_path):
    activity.write_traces(Traces(np.zeros((100, 5)), dt_ms=20), tmp_path / "dead.npz")
    activity.write_traces(Traces(np.zeros((2, 5)), dt_ms=20), tmp_path / "two.npz")
    found = infer_recording(asked(tmp_path, "dead.npz", "pearson"))
    assert found.kept.connectome.n_edges == 0
    with pytest.raises(ConntapError, match="at least 3 steps"):
        infer_recording(asked(tmp_path, "two.npz", "pearson"))


def test_precision_and_recall_of_what_is_kept():
    truth = Connectome(3, [0, 0, 1], [1, 1, 2], properties={"weight": [1.0, 1.0, 1.0]})
    pairs = all_pairs(3, score=np.array([[0, 3.0, 2.0], [0, 0, 1.0], [0, 0, 0]]))
    told = judged(pairs, keep_strongest(pairs, keep=2).connectome, truth)
    assert told["precision_of_kept"] == 0.5
    assert told["recall_of_kept"] == 0.5


def test_only_what_is_broken_is_mended(folder):
    whole, broken = activity.read(folder / "traces.npz"), activity.read(folder / "broken.npz")
    same, nothing = mend(whole, infer.describe_recording(whole))
    assert same is whole
    assert nothing == []
    mended, said = mend(broken, infer.describe_recording(broken))
    assert np.isfinite(mended.to_numpy()).all()
    assert len(said) == 2


def test_a_chain_is_found_in_its_spikes(folder):
    found = infer_recording(asked(folder, keep=N - 1, truth=folder / "truth.h5"))
    assert found.score["roc_auc"] > 0.95
    assert found.pairs.n_edges == N * (N - 1)
    assert sum(kinds_of(found.pairs).values()) == N
    assert found.why == "as many as asked for"


def test_scores_that_are_the_same_both_ways_are_said_to_be(folder):
    assert infer_recording(asked(folder, method="pearson", keep=3)).is_symmetric
    assert not infer_recording(asked(folder, keep=3)).is_symmetric


def test_the_work_is_told_as_it_goes(folder):
    told = []
    infer_recording(asked(folder, "broken.npz", "pearson", keep=3), tell=lambda *each: told.append(each))
    assert [what for what, _ in told] == ["described", "mended", "mended"]
    assert not told[0][1]["advice"]


def test_a_chain_of_steps_that_do_not_fit_is_refused_before_the_work(folder):
    with pytest.raises(OptionError, match=r"infer\.challenge takes no spikes"):
        infer_recording(asked(folder, method="challenge"), tell=lambda what, value: pytest.fail(what))


def test_a_truth_of_other_nodes_is_refused_before_the_work(folder, tmp_path):
    write(Connectome(["a", "b"], [0], [1]), tmp_path / "other.h5")
    with pytest.raises(OptionError, match=r"16 of 16 recorded nodes are unknown there.*--truth-nodes"):
        infer_recording(asked(folder, truth=tmp_path / "other.h5"), tell=lambda what, value: pytest.fail(what))


def test_the_command_writes_and_tells(folder, tmp_path):
    out, page = tmp_path / "found.h5", tmp_path / "page.html"
    given = ["--method", "lagged_correlation", "--keep", 15, "--truth", folder / "truth.h5"]
    text = tap(folder / "spikes.npz", *given, "--out", out, "--report", page).output
    assert "240 pairs scored, 15 kept" in text
    assert "roc_auc" in text
    assert read(out).n_edges == 15
    assert "inferred_ei" in read(out).nodes
    html = page.read_text()
    assert "Inference report" in html
    assert html.index('id="results"') < html.index("The strongest pairs") < html.index('id="stages"')
    assert "true positive rate" in html


def test_json_holds_the_same_without_nan(folder):
    text = tap(folder / "broken.npz", "--method", "partial_correlation", "--keep", 0.1, "--json").stdout
    told = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert told["kept"] == 24
    assert told["described"]["dead"] == 1
    assert len(told["mended"]) == 2
    assert len(told["strongest"]) == 10


def test_nothing_is_overwritten_or_half_written(folder, tmp_path):
    out = tmp_path / "edges.csv"
    out.write_text("mine")
    given = [folder / "spikes.npz", "--method", "pearson", "--keep", 5, "--out", out]
    assert "is there already" in str(tap(*given, code=2).exception)
    assert out.read_text() == "mine"
    tap(*given, "--overwrite")
    assert "pre,post,score" in out.read_text()
    assert "no such folder" in tap(*given[:-1], tmp_path / "gone" / "edges.csv", code=2).output


def test_nan_that_is_not_to_be_mended_is_refused(folder):
    outcome = tap(folder / "broken.npz", "--method", "pearson", "--as-it-is", code=2)
    assert isinstance(outcome.exception, ConntapError)
    assert "Leave --as-it-is out" in str(outcome.exception)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "--orientation time-nodes (a row a step)"),
        (["--orientation", "time-nodes"], "Give --dt-ms or --rate-hz."),
        (["--orientation", "time-nodes", "--dt-ms", 0.02], "Give --dt-ms 20, or --rate-hz 50000"),
        (["--dt-ms", 20, "--time-unit", "s"], "--time-unit means nothing for npy; there are --dt-ms"),
    ],
)
def test_errors_of_reading_name_the_options_of_the_command(given, said, tmp_path):
    path = tmp_path / "dt_ms=4.npy"
    np.save(path, np.random.default_rng(0).normal(size=(300, 20)))
    text = str(tap(path, *given, code=2).exception)
    assert said in text
    assert text.startswith(str(path))


def test_errors_name_what_was_asked_for(folder, tmp_path):
    (tmp_path / "t.csv").write_text("t,cell\n0.5,2\n")
    assert "Give --time-unit ms, s or us." in str(tap(tmp_path / "t.csv", code=2).exception)
    np.savez(tmp_path / "two.npz", a=np.zeros((9, 2)), b=np.zeros((9, 2)))
    assert "Choose one with --series NAME." in str(tap(tmp_path / "two.npz", code=2).exception)
    assert str(tap(folder / "broken.npz", "--as-it-is", code=2).exception).startswith("tap infer: values of")


def test_both_precision_and_keep_are_refused_and_no_recording_too(folder):
    assert "give one of them" in tap(folder / "spikes.npz", "--precision", 0.5, "--keep", 3, code=2).output
    assert "give a RECORDING" in tap(code=2).output


def test_the_list_names_methods_and_preparations():
    rows = json.loads(tap("--list", "--json").stdout)
    assert {"method", "prepare"} == {row["for"] for row in rows}


def test_the_study_on_the_page_loads_and_gives_the_same_scores(folder, tmp_path):
    from conntap import open_store
    from conntap.study import run
    from conntap.study.inference_page import as_study

    prepare = [called("{do: coarsened, frames: 2}", preparations(), "--prepare")]
    found = infer_recording(asked(folder, "broken.npz", "pearson", prepare=prepare, truth=folder / "truth.h5", keep=9))
    (tmp_path / "study.yaml").write_text(as_study(found))
    outcome = run(load_study(tmp_path / "study.yaml"))
    assert outcome.ok
    with open_store(outcome.store) as opened:
        assert np.array_equal(opened["pairs"][0].properties["score"], found.pairs.properties["score"])
        assert opened["score"][0]["roc_auc"] == found.score["roc_auc"]


def test_the_table_of_pairs_calls_none_certain(folder):
    rows = [line for line in tap(folder / "spikes.npz").output.splitlines() if "0.999" in line]
    assert rows
    assert all("> 0.999" in line for line in rows)


def test_orientation_and_step_are_asked_for_at_once(tmp_path):
    np.save(tmp_path / "raw.npy", np.zeros((300, 20)))
    told = str(tap(tmp_path / "raw.npy", code=1).exception)
    assert "nothing says which axis is time, nor how long a step is" in told
    assert "Give --orientation time-nodes (a row a step) or nodes-time (a row a node), and --dt-ms or --rate-hz" in told


def test_advice_is_in_the_words_of_who_reads_it(tmp_path):
    spikes = Spikes([0, 1, 1], [0.1, 0.2, 0.4], duration_ms=0.9, ids=3)
    activity.write_spikes(spikes, tmp_path / "seconds.npz")
    assert "read them with --time-unit s" in tap(tmp_path / "seconds.npz", code=1).output
    assert "time_unit='s'" in infer.describe_recording(spikes)["advice"]
