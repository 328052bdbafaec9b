"""Training: the same bits again, taken up where it stopped, other data to validate on, errors that help."""

import contextlib
import logging
import math

import numpy as np
import pandas as pd
import pytest
import torch
import toy_network

from conntap import build, train
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.store import decode, encode
from conntap.train import loops, making
from conntap.train.options import learning_rate

FEW = {"network": {"kind": "toy"}, "epochs": 4, "batch": 32, "rate": 0.01}


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(making.KINDS, "toy", toy_network.Toy.from_options)


@pytest.fixture(scope="module")
def column():
    return build.column(n_nodes=30, rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def task():
    return train.delayed_match(n=120, delay_steps=1, rng=np.random.default_rng(2))


def same(first, second):
    assert first.parameters.keys() == second.parameters.keys()
    for name, array in first.parameters.items():
        np.testing.assert_array_equal(array, second.parameters[name])
    pd.testing.assert_frame_equal(first.history, second.history)
    assert first.spec == second.spec
    np.testing.assert_array_equal(first.seen, second.seen)


def fitted(column, task, *, seed=5, **changed):
    return train.fit(column, task, **{**FEW, **changed}, rng=np.random.default_rng(seed))


def test_equal_generators_give_equal_bits_and_others_do_not(column, task):
    before = torch.get_rng_state(), torch.get_num_threads()
    first = fitted(column, task)
    torch.rand(3)
    same(first, fitted(column, task))
    assert not np.array_equal(first.parameters["recurrent"], fitted(column, task, seed=6).parameters["recurrent"])
    torch.set_rng_state(before[0])
    fitted(column, task, epochs=1)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.get_num_threads() == before[1]


class Killed(BaseException):
    pass


@pytest.mark.parametrize(
    "training",
    [
        {"schedule": "cosine", "warmup": 1},
        {"optimiser": "sgd", "schedule": "step", "every": 2},
        {"optimiser": "adamw", "weight_decay": 0.1, "keep": "last", "validation": 0.0},
        {"patience": 1, "min_fall": 10.0},
    ],
)
@pytest.mark.parametrize("stopped", [(1,), (2, 3)])
def test_what_was_stopped_ends_with_the_same_bits(column, task, training, stopped, tmp_path, monkeypatch):
    whole = fitted(column, task, training=training)
    epoch = loops.Loop._epoch
    for last in stopped:

        def until(loop, number, last=last):
            if number > last:
                raise Killed
            return epoch(loop, number)

        monkeypatch.setattr(loops.Loop, "_epoch", until)
        with contextlib.suppress(Killed):
            fitted(column, task, training=training, kept=tmp_path)
    monkeypatch.setattr(loops.Loop, "_epoch", lambda loop, number: begun.append(number) or epoch(loop, number))
    begun = []
    same(whole, fitted(column, task, training=training, kept=tmp_path))
    assert begun == list(range(stopped[-1] + 1, len(whole.history) + 1))
    same(whole, fitted(column, task, training=training, kept=tmp_path))


def test_what_was_killed_in_the_midst_of_an_epoch_loses_that_one_alone(column, task, tmp_path, monkeypatch):
    whole = fitted(column, task)
    step, steps = loops.Loop._step, []

    def until(loop, rows, number):
        steps.append(number)
        if len(steps) == 6:  # three steps an epoch: in the second
            raise Killed
        return step(loop, rows, number)

    monkeypatch.setattr(loops.Loop, "_step", until)
    with pytest.raises(Killed):
        fitted(column, task, kept=tmp_path)
    monkeypatch.setattr(
        loops.Loop, "_step", lambda loop, rows, number: steps.append(number) or step(loop, rows, number)
    )
    steps.clear()
    same(whole, fitted(column, task, kept=tmp_path))
    assert steps[0] == 2


def test_progress_of_another_training_or_a_damaged_one_is_not_taken_up(column, task, tmp_path, caplog):
    fitted(column, task, kept=tmp_path, epochs=2)
    same(fitted(column, task), fitted(column, task, kept=tmp_path))
    (tmp_path / "progress.npz").write_bytes(b"PK torn")
    with caplog.at_level(logging.WARNING):
        same(fitted(column, task), fitted(column, task, kept=tmp_path))
    assert "is of another training" in caplog.text
    assert "is damaged" in caplog.text


def test_no_sample_is_trained_and_validated_on(task):
    doubled = task.taken([*range(len(task)), *range(len(task))])
    found = train.splitting.parted(doubled, None, share=0.3, rng=np.random.default_rng(1))
    assert not np.isin(found[0].fingerprints(), found[1].fingerprints()).any()
    assert sum(map(len, found)) == len(doubled)
    assert len(found[1]) == 0.3 * len(doubled)


def test_samples_given_to_validate_on_must_be_others(column, task):
    with pytest.raises(OptionError, match=r"fit.validation: 5 of 5 samples are among those to train on"):
        train.fit(column, task, task.taken(range(5)), **FEW, rng=np.random.default_rng(1))
    other = train.delayed_match(n=10, stimuli=3, rng=np.random.default_rng(1))
    with pytest.raises(OptionError, match=r"fit.validation: n_in is 3, of the task 2"):
        train.fit(column, task, other, **FEW, rng=np.random.default_rng(1))
    with pytest.raises(OptionError, match="all samples are equal"):
        fitted(column, task.taken([0, 0, 0]))


def test_the_parameters_are_those_of_the_best_epoch(column, task):
    trained = fitted(column, task, epochs=8, rate=0.05)
    losses = trained.history["validation_loss"]
    assert trained.spec["best"] == int(losses.idxmin()) + 1
    assert trained.loss == losses.min()
    prints = task.fingerprints()
    rng = np.random.default_rng(5)
    seed = int(rng.integers(2**63))
    _, validation = train.splitting.parted(task, None, share=0.2, rng=train.fitting.stream(seed, "split"))
    again = train.score(trained, validation, measure="loss", among="all")
    assert again == pytest.approx(losses.min(), rel=1e-6)
    assert set(trained.seen.tolist()) == set(prints.tolist())


def test_one_step_of_gradient_descent_is_as_computed_by_hand():
    """A network of one cell without recurrence, on one sample: the outputs' weights move by rate times gradient."""
    task = train.Task(np.ones((1, 1, 1)), np.full((1, 1, 1), 3.0), kind="values")
    options = {"optimiser": "sgd", "momentum": 0.0, "clip": None, "validation": 0.0}
    one = Connectome(1, [], [])
    made = making.made_network(one, {"kind": "toy"}, 1, 1, seed=_first_seed(5))
    made.drop.p = 0.0
    made.train()
    weight, bias = (each.item() for each in (made.answers.weight, made.answers.bias))
    state = 0.5 * math.tanh(made.reads.weight.item() + made.reads.bias.item())
    answer = weight * state + bias
    trained = fitted(one, task, epochs=1, rate=0.1, training=options, network={"kind": "toy", "drop": 0.0})
    assert trained.history["loss"][0] == pytest.approx((answer - 3) ** 2, rel=1e-5)
    assert trained.parameters["answers.weight"].item() == pytest.approx(
        weight - 0.1 * 2 * (answer - 3) * state, rel=1e-5
    )
    assert trained.parameters["answers.bias"].item() == pytest.approx(bias - 0.1 * 2 * (answer - 3), rel=1e-5)


def _first_seed(seed):
    drawn = int(np.random.default_rng(seed).integers(2**63))
    return int(train.fitting.stream(drawn, "network").integers(2**63))


def test_a_long_gradient_is_shortened(column, task):
    free, short = (
        fitted(column, task, epochs=1, training={"optimiser": "sgd", "momentum": 0.0, "clip": clip})
        for clip in (None, 1e-6)
    )
    start = making.made_network(column, {"kind": "toy"}, 2, 2, seed=_first_seed(5))
    moved = [
        np.abs(each.parameters["answers.bias"] - start.answers.bias.detach().numpy()).max() for each in (free, short)
    ]
    assert moved[1] < 1e-6 < moved[0]


@pytest.mark.parametrize(
    ("options", "made"),
    [
        (
            {"schedule": "cosine", "final": 0.1},
            lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 12, eta_min=0.02),
        ),
        ({"schedule": "step", "every": 2, "factor": 0.3}, lambda o: torch.optim.lr_scheduler.StepLR(o, 6, gamma=0.3)),
        ({"schedule": "constant"}, lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0)),
    ],
)
def test_schedules_are_those_of_torch(options, made):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    scheduler = made(optimiser)
    for step in range(12):
        ours = learning_rate(step, per_epoch=3, epochs=4, rate=0.2, training=train.Training(**options))
        assert ours == pytest.approx(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()


def test_the_rate_warms_up_before_its_schedule_begins():
    options = train.Training(schedule="step", every=1, factor=0.5, warmup=2)
    rates = [learning_rate(at, per_epoch=2, epochs=4, rate=1.0, training=options) for at in range(8)]
    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.5, 0.5]


def test_training_ends_early_where_the_loss_does_not_fall(column, task):
    trained = fitted(column, task, epochs=20, training={"patience": 3, "min_fall": 100.0})
    assert len(trained.history) == 4  # the first is the best so far, and three that are no better


def test_a_divergence_is_one_clear_error(column):
    rng = np.random.default_rng(1)
    task = train.Task(rng.random((60, 6, 1)), rng.random((60, 6, 2)), kind="values")
    told = r"fit.rate: training diverged: the \w+ is (inf|nan) in epoch \d.*Lower the rate \(900\).*training.clip: 1"
    with pytest.raises(OptionError, match=told):
        fitted(column, task, rate=900.0, epochs=9, training={"optimiser": "sgd", "clip": None})


def test_what_parametrizations_charge_is_added_to_the_loss(column, task, monkeypatch):
    def pulled(connectome, n_in, n_out):
        network = toy_network.Toy.from_options(connectome, n_in, n_out)
        pull = train.Grouped(np.zeros(connectome.n_nodes, dtype=int), pull="square", strength=100.0)
        torch.nn.utils.parametrize.register_parametrization(network.reads, "bias", pull)
        return network

    monkeypatch.setitem(making.KINDS, "toy", pulled)
    trained = fitted(column, task, training={"clip": None, "keep": "last"}, epochs=10, rate=0.05)
    (bias,) = [each for name, each in trained.parameters.items() if "bias" in name and "reads" in name]
    assert np.abs(bias).max() < 0.1
    assert trained.network().reads.bias.unique().numel() == 1


def test_a_network_of_equations_is_trained_as_one_of_steps(column, task):
    trained = fitted(column, task.taken(range(40)), network={"kind": "ode", "dynamics": {"tau_ms": 2.0}}, epochs=2)
    assert trained.spec["network"]["weights"]["size"] == "n_syn"
    assert train.score(trained, task.taken(range(40, 60))) >= 0


def test_values_are_learned_by_their_mean_squared_error(column):
    rng = np.random.default_rng(1)
    inputs = rng.random((60, 6, 1))
    task = train.Task(inputs, inputs.cumsum(axis=1) / 6, kind="values")
    trained = fitted(column, task, epochs=20)
    assert "accuracy" not in trained.history
    assert trained.history["loss"].iloc[-1] < trained.history["loss"].iloc[0] / 3
    with pytest.raises(OptionError, match=r"fit.training.loss: 'cross_entropy' is for classes"):
        fitted(column, task, training={"loss": "cross_entropy"})


def test_a_task_is_learned_and_a_store_keeps_what_was(column):
    rng = np.random.default_rng(3)
    task = train.delayed_match(n=400, delay_steps=1, noise=0.05, rng=rng)
    trained = decode(encode(fitted(column, task, epochs=25)))
    other = train.delayed_match(n=200, delay_steps=1, noise=0.05, part="test", rng=rng)
    assert train.score(trained, other) > 0.9
    assert trained.connectome == column


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"epochs": 0}, r"fit.epochs: 0; give a whole number from 1"),
        ({"batch": 0}, r"fit.batch: 0"),
        ({"rate": float("nan")}, r"fit.rate: nan"),
        ({"network": {"kind": "rrn"}}, r"fit.network.kind: unknown kind of network 'rrn'; known: .*rnn"),
        ({"training": {"clipp": 1}}, r"fit.training: unknown option 'clipp'.*Did you mean 'clip'"),
        ({"training": {"optimiser": "adan"}}, r"fit.training.optimiser: unknown name 'adan'"),
        ({"training": {"clip": 0.0}}, r"fit.training.clip: 0.0; give a norm above 0"),
        ({"training": {"momentum": 1.0}}, r"fit.training.momentum: 1.0; give a number from 0 below 1"),
        ({"training": {"validation": 0, "patience": 3}}, r"fit.training.patience: needs validation data"),
        ({"training": {"every": 0}}, r"fit.training.every: 0"),
        ({"training": {"device": "gpu"}}, r"fit.training.device: 'gpu'; give cpu, cuda"),
        ({"training": {"device": "cuda:99"}}, r"fit.training.device: 'cuda:99' is not at hand"),
        ({"training": {"loss": "hinge"}}, r"fit.training.loss: unknown loss 'hinge'"),
    ],
)
def test_options_that_make_no_sense_are_told(column, task, changed, told):
    with pytest.raises(OptionError, match=told):
        fitted(column, task, **changed)


def test_progress_of_other_cells_is_not_taken_up(column, task, tmp_path):
    nodes = column.nodes.copy()
    nodes["ei"] = np.where(np.arange(len(nodes)) % 2, "i", "e")
    other = column.with_nodes(nodes)
    options = {"network": {"weights": {"size": None, "sign": "ei", "scale": 0.1}}, "epochs": 2}
    train.fit(column, task, **options, kept=tmp_path, rng=np.random.default_rng(3))
    found = train.fit(other, task, **options, kept=tmp_path, rng=np.random.default_rng(3))
    same(found, train.fit(other, task, **options, rng=np.random.default_rng(3)))
