"""Tasks that come without a download."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from conntap import train
from conntap.errors import OptionError

MAKERS = {
    "digits": {"n": 30},
    "sequential_digits": {"n": 30},
    "delayed_match": {"n": 30},
    "evidence": {"n": 30},
    "correlated_dots": {"n": 32},
}


@pytest.mark.parametrize("name", MAKERS)
def test_equal_generators_give_equal_tasks_and_others_other_ones(name):
    first, same, other = (getattr(train, name)(**MAKERS[name], rng=np.random.default_rng(each)) for each in (1, 1, 2))
    np.testing.assert_array_equal(first.inputs, same.inputs)
    assert not np.array_equal(first.inputs, other.inputs)
    assert first.about["task"] == name
    assert len(first) == len(first.samples) == MAKERS[name]["n"]


def test_digits_are_those_of_scikit_learn():
    task = train.digits(steps=2, rng=np.random.default_rng(1))
    test = train.digits(steps=2, part="test", rng=np.random.default_rng(1))
    found = load_digits()
    images = np.concatenate([task.inputs[:, 1], test.inputs[:, 1]])
    np.testing.assert_allclose(images * 16, found.data)
    assert [*task.targets[:, 0], *test.targets[:, 0]] == found.target.tolist()
    assert not np.isin(test.fingerprints(), task.fingerprints()).any()
    assert task.mask.tolist()[0] == [False, True]


@pytest.mark.parametrize(("by", "shape"), [("rows", (9, 8)), ("columns", (9, 8)), ("pixels", (65, 1))])
def test_sequential_digits_show_an_image_part_by_part(by, shape):
    task = train.sequential_digits(n=5, by=by, rng=np.random.default_rng(1))
    image = load_digits().images[task.samples["image"][0]] / 16
    shown = task.inputs[0, :-1].reshape(8, 8)
    assert task.inputs.shape[1:] == shape
    np.testing.assert_allclose(shown.T if by == "columns" else shown, image)
    assert not task.inputs[:, -1].any()


def test_a_delayed_match_shows_a_sample_waits_and_shows_a_test():
    options = {"n": 40, "stimuli": 3, "sample_steps": 2, "delay_steps": (1, 4), "test_steps": 1, "noise": 0.0}
    task = train.delayed_match(**options, rng=np.random.default_rng(3))
    for row, told in task.samples.iterrows():
        shown = [*[-1] * (4 - told["delay"]), *[told["sample"]] * 2, *[-1] * told["delay"], told["test"]]
        assert np.where(task.inputs[row].any(axis=1), task.inputs[row].argmax(axis=1), -1).tolist() == shown
        assert task.targets[row, -1] == (told["sample"] == told["test"])
    assert task.mask.sum(axis=1).tolist() == [1] * 40
    assert set(task.samples["delay"]) == {1, 2, 3, 4}


@settings(max_examples=25)
@given(st.integers(1, 50), st.integers(2, 4), st.integers(0, 2**32))
def test_half_of_the_samples_match(n, stimuli, seed):
    task = train.delayed_match(n=n, stimuli=stimuli, rng=np.random.default_rng(seed))
    assert task.samples["match"].sum() == n // 2


def test_who_adds_up_all_evidence_is_right_as_often_as_theory_says():
    task = train.evidence(n=20_000, steps=10, strengths=[0.2], noise=0.5, rng=np.random.default_rng(5))
    right = ((task.samples["shown"] > 0) == (task.samples["side"] == 1)).mean()
    expected = norm.cdf(0.2 * np.sqrt(10 / 2) / 0.5)
    assert right == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 20_000))
    assert task.chance == 0.5


def test_evidence_waits_before_the_answer_is_asked_for():
    task = train.evidence(n=20, steps=4, delay_steps=(2, 3), answer_steps=2, noise=0.0, rng=np.random.default_rng(5))
    for row, delay in enumerate(task.samples["delay"]):
        has_evidence = (task.inputs[row, :, :2] > 0).any(axis=1)
        assert has_evidence.tolist() == [*[False] * (3 - delay), *[True] * 4, *[False] * delay, False, False]
    np.testing.assert_array_equal(task.inputs[:, :, 2] == 1, task.mask)


@pytest.mark.parametrize("directions", [2, 4, 8])
def test_all_dots_move_together_where_the_correlation_is_one(directions):
    task = train.correlated_dots(n=16, size=6, directions=directions, correlations=[1.0], rng=np.random.default_rng(1))
    frames = task.inputs.reshape(16, 10, 6, 6)
    for row, angle in enumerate(np.radians(task.samples["angle"])):
        move = (-round(np.sin(angle)), round(np.cos(angle)))
        moved = np.roll(frames[row, :-1], move, axis=(1, 2))
        np.testing.assert_array_equal(moved, frames[row, 1:])
    assert (frames.sum(axis=(2, 3)) == 8).all()


def test_uncorrelated_dots_tell_nothing_and_correlated_ones_do():
    def right(correlation):
        task = train.correlated_dots(n=600, size=5, steps=4, correlations=[correlation], rng=np.random.default_rng(1))
        frames = task.inputs.reshape(600, 4, 5, 5)
        moves = {0: (0, 1), 1: (0, -1), 2: (-1, 0), 3: (1, 0)}
        scores = [
            (np.roll(frames[:, :-1], move, axis=(2, 3)) * frames[:, 1:]).sum(axis=(1, 2, 3)) for move in moves.values()
        ]
        return (np.argmax(scores, axis=0) == task.targets[:, -1]).mean()

    assert right(1.0) > 0.99
    assert right(0.0) == pytest.approx(0.25, abs=0.08)


def test_a_linear_reader_of_single_frames_is_at_chance():
    """What the dots tell is in their motion alone."""
    train_on, test_on = (
        train.correlated_dots(n=800, steps=3, part=part, rng=np.random.default_rng(each))
        for each, part in enumerate(("train", "test"))
    )
    reader = LogisticRegression(max_iter=300).fit(train_on.inputs[:, -1], train_on.targets[:, -1])
    assert reader.score(test_on.inputs[:, -1], test_on.targets[:, -1]) == pytest.approx(0.25, abs=0.08)


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("digits", {"n": 5000}, "digits.n: 5000, but part 'train' has 1438"),
        ("digits", {"n": 0}, "digits.n: 0; give a whole number from 1"),
        ("digits", {"steps": 2, "answer_steps": 3}, "digits.answer_steps: 3, but there are 2 steps"),
        ("sequential_digits", {"noise": -1.0}, "sequential_digits.noise: -1"),
        ("delayed_match", {"stimuli": 1}, "delayed_match.stimuli: 1"),
        ("delayed_match", {"delay_steps": (3, 1)}, "delayed_match.delay_steps: from 3 to 1"),
        ("delayed_match", {"noise": float("nan")}, "delayed_match.noise: nan"),
        ("evidence", {"strengths": []}, "evidence.strengths: empty"),
        ("evidence", {"strengths": [0.5, 1.5]}, "evidence.strengths: 1.5"),
        ("correlated_dots", {"directions": 3}, "correlated_dots.directions: 3; known: 2, 4, 8"),
        ("correlated_dots", {"correlations": [2.0]}, "correlated_dots.correlations: 2"),
        ("correlated_dots", {"size": 2}, "correlated_dots.size: 2"),
    ],
)
def test_options_out_of_range_are_told(name, options, told):
    with pytest.raises(OptionError, match=told):
        getattr(train, name)(**options, rng=np.random.default_rng(1))
