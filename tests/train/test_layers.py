"""Linear layers of a connectome, beside dense ones; their weights, signs and groups."""

import numpy as np
import pandas as pd
import pytest
import torch

from conntap import Connectome
from conntap.errors import OptionError
from conntap.train.layers import SparseLinear
from conntap.train.weights import Weights


def asymmetric(seed=3, n=12, n_edges=60):
    """More edges than pairs here and there, of nodes with a type and a sign."""
    rng = np.random.default_rng(seed)
    nodes = pd.DataFrame({"type": rng.choice(["A", "B", "C"], n)})
    nodes["ei"] = np.where(nodes["type"] == "C", "i", "e")
    pre, post = rng.integers(0, n, n_edges), rng.integers(0, n, n_edges)
    sign = np.where(nodes["ei"] == "i", -1.0, 1.0)[pre]
    return Connectome(
        nodes, pre, post, properties={"weight": sign * rng.random(n_edges), "n_syn": rng.integers(1, 9, n_edges)}
    )


@pytest.mark.parametrize("path", ["compiled", "plain"])
def test_a_layer_is_the_matrix_of_the_connectome_from_pre_to_post(path):
    connectome = asymmetric()
    layer = SparseLinear(connectome, path=path, bias="node", dtype=torch.float64)
    layer.bias.data.normal_(generator=torch.Generator().manual_seed(1))
    x = torch.linspace(-1, 1, 2 * 3 * 12, dtype=torch.float64).reshape(2, 3, 12)
    want = x.numpy() @ connectome.adjacency("weight").toarray() + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(x).detach().numpy(), want, rtol=1e-12, atol=1e-12)


def test_a_sign_outlives_any_step():
    connectome = asymmetric()
    layer = SparseLinear(connectome, weights=Weights(sign="ei"))
    before = layer.weights().detach().sign()
    optimiser = torch.optim.SGD(layer.parameters(), lr=50.0)
    for _ in range(5):
        optimiser.zero_grad()
        layer(torch.randn(4, 12, generator=torch.Generator().manual_seed(0))).square().sum().backward()
        optimiser.step()
        now = layer.weights().detach()
        assert torch.isfinite(now).all()
        assert (now * before >= 0).all()


def test_a_sign_starts_from_the_very_weights():
    connectome = asymmetric()
    free, signed = (SparseLinear(connectome, weights=Weights(sign=each), dtype=torch.float64) for each in (None, "ei"))
    torch.testing.assert_close(signed.weights(), free.weights(), rtol=1e-9, atol=1e-12)


def test_gains_are_shared_by_pairs_of_types_and_multiply_synapses_and_signs():
    connectome = asymmetric()
    layer = SparseLinear(
        connectome, weights=Weights(kind="groups", size="n_syn", sign="ei", scale=0.5), dtype=torch.float64
    )
    nodes = connectome.nodes
    sign = np.where(nodes["ei"] == "i", -1, 1)[:, None]
    want = 0.5 * sign * connectome.adjacency("n_syn").toarray()
    np.testing.assert_allclose(layer(torch.eye(12, dtype=torch.float64)).detach(), want, rtol=1e-12, atol=1e-12)
    table = layer.weights.table()
    pairs = {(nodes["type"][a], nodes["type"][b]) for a, b in zip(connectome.pre, connectome.post)}
    assert set(zip(table["pre.type"], table["post.type"])) == pairs
    assert layer.weights.gain.shape == (len(pairs),)
    layer(torch.eye(12, dtype=torch.float64)).sum().backward()


def test_groups_may_be_those_of_an_edge_property():
    connectome = Connectome(3, [0, 1, 2], [1, 2, 0], properties={"offset": ["near", "far", "near"]})
    layer = SparseLinear(connectome, weights=Weights(kind="groups", size=None, by=("offset",)))
    layer.weights.gain.data = torch.tensor([10.0, 20.0])
    assert layer.weights.table().to_dict("list") == {"offset": ["far", "near"], "gain": [10.0, 20.0]}
    assert layer(torch.eye(3)).tolist() == [[0.0, 20.0, 0.0], [0.0, 0.0, 10.0], [20.0, 0.0, 0.0]]


def test_fixed_weights_have_no_parameters():
    layer = SparseLinear(asymmetric(), weights=Weights(kind="fixed", size="n_syn", sign={"A": 1, "B": 1, "C": -1}))
    assert not list(layer.parameters())
    assert (layer.weights() < 0).any()


def test_gradients_of_signed_and_shared_weights_agree_with_finite_differences():
    x = torch.linspace(-1, 1, 24, dtype=torch.float64).reshape(2, 12)
    for options in (Weights(sign="ei"), Weights(kind="groups", size="n_syn", sign="ei")):
        layer = SparseLinear(asymmetric(n_edges=25), weights=options, dtype=torch.float64)
        (name, parameter), *_ = layer.named_parameters()

        def run(raw, layer=layer, name=name):
            return torch.func.functional_call(layer, {name: raw}, (x,))

        assert torch.autograd.gradcheck(run, (parameter.detach().clone().requires_grad_(),))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"size": "wieght"}, "Did you mean 'weight'"),
        ({"sign": "eo"}, "unknown property of edges or pre nodes 'eo'"),
        ({"sign": "type"}, "holds A, B, C"),
        ({"sign": {"A": 1}}, "nothing for types B, C"),
        ({"sign": {"A": 1, "B": 1, "C": 1}}, "of the other sign"),
        ({"kind": "groups", "by": ("pre.typ",)}, "unknown pre node property 'typ'"),
        ({"scale": float("nan")}, "scale: nan; give a finite number"),
        ({"kind": "all"}, "known: edges, fixed, groups"),
    ],
)
def test_what_a_connectome_does_not_give_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        SparseLinear(asymmetric(), weights=Weights(**options))


def test_edges_of_one_pair_must_be_of_one_group():
    connectome = Connectome(2, [0, 0], [1, 1], properties={"offset": [1, 2]})
    with pytest.raises(OptionError, match="differ in offset"):
        SparseLinear(connectome, weights=Weights(kind="groups", size=None, by=("offset",)))


def test_input_of_another_width_is_told():
    with pytest.raises(OptionError, match="the last must be 12"):
        SparseLinear(asymmetric())(torch.ones(2, 5))


@pytest.mark.parametrize("path", ["compiled", "plain"])
def test_nothing_in_gives_nothing_out(path):
    assert SparseLinear(asymmetric(), path=path)(torch.ones(0, 12)).shape == (0, 12)
    connectome = Connectome(0, [], [], post_nodes=3, properties={"weight": []})
    layer = SparseLinear(connectome, path=path)
    assert layer(torch.ones(2, 5, 0)).tolist() == torch.zeros(2, 5, 3).tolist()


def test_a_layer_leaves_its_connectome_as_it_was():
    connectome, same = asymmetric(), asymmetric()
    layer = SparseLinear(connectome, weights=Weights(sign="ei"))
    layer(torch.ones(2, 12)).sum().backward()
    torch.optim.SGD(layer.parameters(), lr=1.0).step()
    assert connectome == same
