"""Stages of inference on the page: all pairs, scores, curves, what recordings are like."""

import numpy as np
import pandas as pd
import pytest
from report_samples import stage

from conntap import Connectome, Spikes, Traces, infer
from conntap.infer.pairs import all_pairs
from conntap.report.blocks import Sample
from conntap.report.inferred import all_scored, inferred, score_histogram
from conntap.report.scored import curves, descriptions, scores
from conntap.report.tables import Table


def sample(rows, name="found"):
    cases = pd.DataFrame([case for case, _ in rows])
    return Sample(name, cases, len(rows), lambda: (value for _, value in rows), lambda *_, **__: pd.DataFrame())


@pytest.fixture
def estimates():
    """Estimates of one truth at three noises, of two methods, twice each, and the truth."""
    rng = np.random.default_rng(1)
    true = rng.random((12, 12)) < 0.2
    truth = Connectome.from_adjacency(np.where(np.eye(12), 0, true).astype(float))
    rows = []
    for method in ("one", "other"):
        for noise in (0.1, 0.3, 1.0):
            for repeat in (0, 1):
                case = {"method": method, "noise": noise, "repeat": repeat}
                scored = all_pairs(12, score=true + rng.normal(0, noise, true.shape))
                rows.append((case, scored))
    return rows, truth


def tables(blocks):
    return [block for block in blocks if isinstance(block, Table)]


def galleries(blocks):
    return [block for block in blocks if hasattr(block, "figures")]


def test_all_pairs_are_matrices_and_histograms_and_no_table_of_edges(estimates):
    blocks = inferred(sample(estimates[0]))
    matrices, histograms = galleries(blocks)[:2]
    assert len(matrices.figures) == len(histograms.figures) == 6
    assert "6 of 12 are drawn" in matrices.caption
    assert max(len(each.rows) for each in tables(blocks)) <= 12


def test_a_connectome_of_some_pairs_is_none_of_all():
    pairs = all_pairs(4, score=np.ones((4, 4)))
    assert all_scored(pairs)
    assert not all_scored(pairs.filter(pairs.pre > 0))
    assert not all_scored(Connectome(1, [], []))


def test_the_threshold_stands_where_pairs_were_kept_or_are_sure_enough():
    matrix = np.array([[0, 0.9, 0.4], [0.2, 0, 0.1], [0.8, 0.3, 0]])
    told = tables(inferred(sample([({}, all_pairs(3, score=matrix, probability=matrix))])))[1]
    assert dict(told.rows)["threshold for 0.8"].startswith("0.8")
    kept = tables(inferred(sample([({}, all_pairs(3, score=matrix, kept=matrix > 0.35))])))[1]
    row = dict(kept.rows)
    assert row["pairs kept"] == "3"
    assert row["threshold"].startswith("0.4")


def test_scores_over_a_sweep_are_lines_by_method(estimates):
    rows, truth = estimates
    gallery, table = scores(sample([(case, infer.score(each, truth)) for case, each in rows]))
    assert [key.name for key in gallery.keys] == ["method one", "method other"] or len(gallery.keys) == 2
    assert [title for title, _ in gallery.figures][:2] == ["roc_auc", "pr_auc"]
    assert "prevalence" in table.heads


def test_one_score_is_a_table(estimates):
    rows, truth = estimates
    (table,) = scores(sample([({}, infer.score(rows[0][1], truth))]))
    assert table.rows[0][0] == "roc_auc"


def test_curves_that_may_be_pooled_share_a_colour(estimates):
    rows, truth = estimates
    kept = [(case, infer.roc_curve(each, truth)) for case, each in rows if case["noise"] == 1.0]
    made = sample(kept)
    gallery, table = curves(made, list(made.read()), "roc")
    assert len(gallery.keys) == 2
    assert len(gallery.figures) == 1
    assert len(gallery.figures[0][1].axes[0].lines) == 1 + 2 * 3  # chance; two thin ones and their mean
    assert len(table.rows) == 4


def test_recordings_are_pooled_and_what_they_are_like_is_a_table():
    spikes = [Spikes([0, 1, 1], [5.0, 7.0, 300.0], duration_ms=1000 * n, ids=3) for n in (1, 2)]
    rows = [({"recording": name}, infer.describe_recording(each)) for name, each in zip("ab", spikes)]
    table, *notes = descriptions(sample(rows))
    assert table.heads[1:] == ("recording a", "recording b") or table.heads[1:] == ("a", "b")
    assert len(notes) == 2
    many = [({"recording": str(n)}, infer.describe_recording(spikes[n % 2])) for n in range(6)]
    assert galleries(descriptions(sample(many)))


def test_nothing_to_draw_is_said():
    assert not score_histogram([np.nan]).axes[0].axison
    assert score_histogram([0.0, 0.0]).axes[0].axison
    assert score_histogram([0.1, np.nextafter(0.1, 1)]).axes[0].axison


def test_a_threshold_far_below_the_greatest_score_stands_apart_from_the_axis():
    scores = np.concatenate([np.linspace(0, 0.3, 9000), np.geomspace(0.3, 108, 30)])
    axes = score_histogram(scores, threshold=0.176).axes[0]
    (line,) = axes.lines
    low, place, high = axes.transData.transform([(0, 0), (line.get_xdata()[0], 0), (108, 0)])[:, 0]
    assert 0.05 < (place - low) / (high - low) < 0.8
    assert {0, 1, 10, 100} <= set(axes.get_xticks())
    assert -0.1 < axes.get_xlim()[0] < 0
    assert score_histogram(np.linspace(-1, 1, 99), threshold=0.5).axes[0].get_xscale() == "linear"


@pytest.mark.parametrize("scores", [[0.0, 0, 0, 0, 5], [-1e9, 0, 0, 0, 1], [1e-300, 1e-300, 1e-300, 1.0], [5.0] * 30])
def test_every_pair_is_in_a_bin_however_scores_lie(scores):
    for threshold in (np.nan, 0.0, 0.5, -3.0):
        (steps, _) = score_histogram(scores, threshold=threshold).axes[0].patches
        assert steps.get_data().values.sum() == len(scores)


def test_the_page_shows_them_all(write, estimates):
    rows, truth = estimates
    text = write(
        stage("pairs", rows),
        stage("score", [(case, infer.score(each, truth)) for case, each in rows]),
        stage("roc", [(case, infer.roc_curve(each, truth)) for case, each in rows]),
        stage("curve", [(case, infer.precision_recall_curve(each, truth)) for case, each in rows]),
        stage("told", [({}, infer.describe_recording(Spikes([0], [1.0], duration_ms=100)))]),
    )
    assert "cannot be drawn" not in text
    for words in ("Scores from pre", "what chance gives", "Precision against recall", "What the recordings are like"):
        assert words in text


def test_methods_that_are_judged_alike_share_a_panel(write, estimates):
    rows, truth = estimates
    named = {
        name: [({"noise": c["noise"], "repeat": c["repeat"]}, e) for c, e in rows if c["method"] == name]
        for name in ("one", "other")
    }
    made = [
        stage(
            f"score_of_{name}",
            [(case, infer.score(each, truth)) for case, each in own],
            step="infer.score",
            inputs={"estimate": f"by_{name}", "truth": "network"},
        )
        for name, own in named.items()
    ]
    text = write(
        *made,
        stage(
            "score_of_spikes",
            [({"repeat": 0}, infer.score(rows[0][1], truth))],
            step="infer.score",
            inputs={"truth": "network"},
        ),
    )
    results = text.split('id="results"')[1].split("<section")[0]
    assert results.count("Methods side by side</h3>") == 1
    assert results.count("<svg") == 3  # all rows, and two measures over the noise
    for words in ("one · noise 0.1", "other · noise 1", "spikes", "Level lines"):
        assert words in results


def test_scores_of_another_truth_stand_apart(write, estimates):
    rows, truth = estimates
    score = infer.score(rows[0][1], truth)
    text = write(*(stage(name, [({}, score)], step="infer.score", inputs={"truth": name}) for name in ("a", "b")))
    assert "Methods side by side" not in text


def test_a_sweep_of_one_method_is_one_panel(estimates):
    rows, truth = estimates
    own = [({"noise": case["noise"]}, infer.score(each, truth)) for case, each in rows if case["method"] == "one"]
    gallery, _ = scores(sample(own))
    assert len(gallery.figures) == 1
    assert {"average precision", "area under the ROC curve"} <= {key.name for key in gallery.keys}


def test_the_strongest_pairs_say_what_a_score_is_and_no_probability_is_certain():
    scores = np.arange(16.0).reshape(4, 4) * 1000
    made = all_pairs(4, score=scores)
    made = made.with_edges(made.pre, made.post, properties={**made.properties, "probability": np.full(12, 0.999999)})
    shown = next(each for each in tables(inferred(sample([({}, made)]))) if each.caption.startswith("The strongest"))
    assert "Scores have no unit" in shown.note
    assert {row[shown.heads.index("probability")] for row in shown.rows} == {"> 0.999"}


def test_events_of_traces_are_not_called_a_rate():
    rng = np.random.default_rng(3)
    traces = Traces(rng.normal(size=(300, 3)), dt_ms=20)
    told, note = descriptions(sample([({}, infer.describe_recording(traces))]))[:2]
    names = [row[0] for row in told.rows]
    assert "events of a node (Hz)" in names
    assert "rate of a node (Hz)" not in names
    assert "4 standard deviations" in note.text
    (spikes, *_) = descriptions(sample([({}, infer.describe_recording(Spikes([0], [1.0], duration_ms=100)))]))
    assert "rate of a node (Hz)" in [row[0] for row in spikes.rows]


def test_results_that_are_named_stand_on_top_with_the_strongest_pairs_first(write, estimates):
    rows, truth = estimates
    made = [
        stage("told", [({}, 1.0)]),
        stage("pairs", [({}, rows[0][1])]),
        stage("score", [({}, infer.score(rows[0][1], truth))]),
    ]
    results = write(*made, attrs={"results": ["pairs", "score"]}).split('id="results"')[1].split("<section")[0]
    assert results.index("The strongest pairs") < results.index("<svg") < results.index("roc_auc")
    assert "told" not in results


def test_the_facts_of_one_case_are_rows(estimates):
    rows, _ = estimates
    facts = [each for each in tables(inferred(sample(rows[:1]))) if each.caption == "The scores in numbers."]
    assert facts[0].heads == ("what", "value")
    assert facts[0].rows[:2] == (("nodes", "12"), ("pairs", "132"))
