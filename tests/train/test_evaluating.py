"""How trained networks are measured: on samples that they have not seen, by condition and by type of cell."""

import numpy as np
import pandas as pd
import pytest
import torch
import toy_network
from sklearn.metrics import accuracy_score, log_loss

from conntap import build, train
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.store import decode, encode
from conntap.train import making


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(making.KINDS, "toy", toy_network.Toy.from_options)


@pytest.fixture(scope="module")
def task():
    return train.delayed_match(n=80, delay_steps=(1, 2), rng=np.random.default_rng(2))


@pytest.fixture(scope="module")
def other():
    return train.delayed_match(n=50, delay_steps=(1, 2), part="test", rng=np.random.default_rng(3))


@pytest.fixture(scope="module")
def trained(task):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(making.KINDS, "toy", toy_network.Toy.from_options)
        column = build.column(n_nodes=30, rng=np.random.default_rng(1))
        return train.fit(column, task, network={"kind": "toy"}, epochs=3, rate=0.01, rng=np.random.default_rng(4))


def answers(trained, task):
    with torch.no_grad():
        return trained.network()(torch.tensor(task.inputs), record="all")


def test_loss_and_accuracy_are_those_of_scikit_learn(trained, other):
    outputs, _ = answers(trained, other)
    shares = torch.softmax(outputs.double(), dim=2).numpy()[other.mask]
    found = train.evaluate(trained, other)
    assert found["loss"][0] == pytest.approx(log_loss(other.targets[other.mask], shares), rel=1e-5)
    assert found["accuracy"][0] == pytest.approx(accuracy_score(other.targets[other.mask], shares.argmax(axis=1)))
    assert found[["n", "chance"]].values.tolist() == [[50, 0.5]]
    assert train.score(trained, other) == found["accuracy"][0]
    assert train.score(trained, other, measure="loss") == found["loss"][0]


def test_parts_by_condition_make_up_the_whole(trained, other):
    whole, parts = train.evaluate(trained, other), train.evaluate(trained, other, by=["match", "delay"])
    assert parts.columns.tolist() == ["match", "delay", "n", "left_out", "loss", "accuracy", "chance"]
    assert len(parts) == 4
    for name in ("loss", "accuracy"):
        assert (parts[name] * parts["n"]).sum() / 50 == pytest.approx(whole[name][0])


def test_samples_that_were_seen_are_left_out(trained, task, other):
    both = train.Task(
        *(np.concatenate([getattr(each, name) for each in (task, other)]) for name in ("inputs", "targets", "mask"))
    )
    assert train.evaluate(trained, both)[["n", "left_out"]].values.tolist() == [[50, 80]]
    assert train.evaluate(trained, both, among="all")["n"].tolist() == [130]
    with pytest.raises(OptionError, match=r"has seen all 80 samples.*part: test"):
        train.evaluate(trained, task)


def test_groups_say_how_many_of_them_were_seen_and_samples_without_a_label_are_one(trained, task, other):
    both = train.Task(
        *(np.concatenate([getattr(each, name) for each in (task, other)]) for name in ("inputs", "targets", "mask")),
        samples=pd.DataFrame({"part": ["a"] * 70 + ["b"] * 20 + [None] * 40}),
    )
    found = train.evaluate(trained, both, by=["part", "part"])
    assert found[["n", "left_out"]].values.tolist() == [[0, 70], [10, 10], [40, 0]]
    assert found["part"].isna().tolist() == found["loss"].isna().tolist()[::-1] == [False, False, True]
    assert found["accuracy"].isna().tolist() == [True, False, False]
    curves = train.responses(trained, both, by="ei", conditions="part")
    assert curves.groupby("part", dropna=False)["samples"].first().tolist() == [70, 20, 40]


def test_responses_are_means_over_cells_of_a_type_and_samples_of_a_condition(trained, other):
    _, states = answers(trained, other)
    states = states.numpy().astype(float)
    found = train.responses(trained, other, by="ei", conditions="match")
    kinds = trained.connectome.nodes["ei"].to_numpy()
    for (match, kind, step), row in found.set_index(["match", "ei", "step"]).iterrows():
        mine = states[other.samples["match"] == match][:, step][:, kinds == kind]
        assert row["mean"] == pytest.approx(mine.mean(), abs=1e-9)
        assert row["sd"] == pytest.approx(mine.std(), abs=1e-6)
        assert (row["samples"], row["cells"]) == mine.shape
    assert len(found) == 2 * 2 * other.n_steps


def test_each_cell_is_a_group_where_none_is_named(trained, other):
    _, states = answers(trained, other)
    found = train.responses(trained, other)
    assert found["node"].nunique() == 30
    np.testing.assert_allclose(found["mean"].to_numpy().reshape(30, -1), states.double().mean(dim=0).T, atol=1e-7)


def test_parameters_are_tables(trained):
    found = train.parameters(trained).set_index("parameter")
    weight = trained.parameters["answers.weight"]
    assert found.loc["answers.weight", "shape"] == "2 x 30"
    assert found.loc["answers.weight", "mean"] == pytest.approx(weight.mean(), rel=1e-6)
    values = train.parameters(trained, name="answers.weight")
    assert values["value"].to_numpy().reshape(2, 30).tolist() == weight.tolist()
    assert values[["axis_0", "axis_1"]].iloc[-1].tolist() == [1, 29]
    with pytest.raises(OptionError, match=r"parameters.name: unknown parameter 'answers.wight'.*'answers.weight'"):
        train.parameters(trained, name="answers.wight")


def test_values_of_parameters_are_those_that_the_network_computes_with(task):
    column = build.column(n_nodes=30, rng=np.random.default_rng(1))
    network = {
        "weights": {"size": "n_syn", "sign": "ei", "scale": 0.1},
        "dynamics": {"tau_ms": 4.0, "tau_trained": "neuron"},
    }
    found = train.fit(column, task, network=network, epochs=2, rate=0.1, rng=np.random.default_rng(4))
    made = found.network()
    table = train.parameters(found).set_index("parameter")
    assert table.loc["neurons.tau_ms", "min"] >= 1.0
    assert not any("parametrizations" in name for name in table.index)
    values = train.parameters(found, name="weights.weight")["value"].to_numpy()
    assert values.tolist() == made.weights().tolist()
    assert table.loc["weights.weight", "n"] == found.connectome.n_edges


def ensemble(*losses):
    made = [
        pd.DataFrame({"epoch": [1, 2], "validation_loss": [9, each], "validation_accuracy": 0.5}) for each in losses
    ]
    return [train.Trained({"best": 2}, {}, history, Connectome(2, [0], [1])) for history in made]


def test_an_ensemble_is_ranked_by_its_validation_loss():
    members = ensemble(0.3, 0.1, 0.2, 0.1)
    found = train.ranked(members)
    assert found["member"].tolist() == [1, 3, 2, 0]
    assert found["rank"].tolist() == [1, 2, 3, 4]
    assert train.best_of(members) is members[1]
    assert train.best_of(members, rank=3) is members[2]
    with pytest.raises(OptionError, match=r"best_of.rank: 5, but there are 4 networks"):
        train.best_of(members, rank=5)
    with pytest.raises(OptionError, match="no network"):
        train.ranked([])


def test_a_store_gives_back_the_same_network(trained, other):
    found = decode(encode(trained))
    assert torch.equal(answers(found, other)[0], answers(trained, other)[0])
    pd.testing.assert_frame_equal(found.history, trained.history)
    assert found.spec == trained.spec


def test_parameters_of_another_network_are_refused(trained):
    fewer = {name: value for name, value in trained.parameters.items() if name != "recurrent"}
    for parameters, told in (
        (fewer, "other parameters"),
        ({**trained.parameters, "more": np.zeros(1)}, "other parameters"),
        ({**trained.parameters, "recurrent": np.zeros((2, 2))}, "size mismatch"),
    ):
        with pytest.raises(OptionError, match=told):
            train.Trained(trained.spec, parameters, trained.history, trained.connectome).network()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda t, o: train.evaluate(t, o, by="mtch"), r"evaluate.by: unknown column of samples 'mtch'.*'match'"),
        (lambda t, o: train.score(t, o, measure="acc"), r"score.measure: unknown value 'acc'"),
        (lambda t, o: train.evaluate(t, o, among="old"), r"evaluate.among: unknown value 'old'"),
        (
            lambda t, o: train.evaluate(
                t, train.Task(o.inputs, o.targets, samples=pd.DataFrame({"n": [1] * 50})), by="n"
            ),
            r"evaluate.by: 'n' is a column of the table too",
        ),
        (lambda t, o: train.responses(t, o, by="eo"), r"responses.by: unknown property of nodes 'eo'"),
        (lambda t, o: train.responses(t, o, conditions="x"), r"responses.conditions: unknown column"),
        (
            lambda t, o: train.evaluate(t, train.evidence(n=4, rng=np.random.default_rng(1))),
            r"evaluate.task: n_in is 3",
        ),
    ],
)
def test_what_does_not_fit_is_told(trained, other, call, told):
    with pytest.raises(OptionError, match=told):
        call(trained, other)
