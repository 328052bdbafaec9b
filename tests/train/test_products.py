"""Products of a sparse pattern with columns, beside scipy's and dense ones, forward and back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap import Connectome
from conntap.errors import OptionError
from conntap.train.pattern import Pattern
from conntap.train.products import _by_parts, _sampled, _sampled_by_parts, multiplier, product, row_ranges

PATHS = ("compiled", "plain")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(n_pre, n_post, n_edges, columns, seed=0, dtype=torch.float64):
    """A rectangular connectome with its pattern, values and columns."""
    rng = np.random.default_rng(seed)
    pre, post = rng.integers(0, n_pre, n_edges), rng.integers(0, n_post, n_edges)
    connectome = Connectome(n_pre, pre, post, post_nodes=n_post, properties={"weight": rng.normal(size=n_edges)})
    pattern = Pattern.of(connectome)
    values = torch.tensor(pattern.summed(connectome.properties["weight"]), dtype=dtype)
    return connectome, pattern, values, torch.tensor(rng.normal(size=(n_pre, columns)), dtype=dtype)


@pytest.mark.parametrize("path", PATHS)
def test_a_connection_carries_from_pre_to_post_and_not_back(path):
    pattern = Pattern.of(Connectome(3, [0, 2], [1, 1]))
    y = product(torch.tensor([2.0, 5.0]), pattern, torch.tensor([[1.0], [10.0], [100.0]]), path=path)
    assert y.tolist() == [[0.0], [502.0], [0.0]]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("columns", [1, 2, 3, 5, 16, 23, 32, 55, 70])
def test_products_are_those_of_scipy(path, columns):
    connectome, pattern, values, x = drawn(40, 30, 300, columns)
    want = connectome.adjacency("weight").T @ x.numpy()
    np.testing.assert_allclose(product(values, pattern, x, path=path).numpy(), want, rtol=1e-12, atol=1e-12)
    single = product(values.float(), pattern, x.float(), path=path).numpy()
    np.testing.assert_allclose(single, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("columns", [1, 3, 4, 19, 33])
def test_gradients_are_those_of_the_dense_product(path, columns):
    connectome, pattern, values, x = drawn(17, 23, 90, columns)
    values.requires_grad_(), x.requires_grad_()
    grad = torch.linspace(-1, 2, 23 * columns, dtype=torch.float64).reshape(23, columns)
    product(values, pattern, x, path=path).backward(grad)
    dense = torch.tensor(connectome.adjacency("weight").toarray(), requires_grad=True)
    other = x.detach().clone().requires_grad_()
    (dense.T @ other).backward(grad)
    want = dense.grad[pattern.indices.long(), pattern.post]
    torch.testing.assert_close(values.grad, want, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(x.grad, other.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("path", PATHS)
def test_gradients_agree_with_finite_differences(path):
    _, pattern, values, x = drawn(9, 7, 30, 6)
    inputs = (values.requires_grad_(), x.requires_grad_())
    assert torch.autograd.gradcheck(lambda v, x: product(v, pattern, x, path=path), inputs)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("which", ["values", "x"])
def test_a_gradient_of_one_alone_is_the_same(path, which):
    _, pattern, values, x = drawn(9, 7, 30, 6)
    both = [values.clone().requires_grad_(), x.clone().requires_grad_()]
    product(both[0], pattern, both[1], path=path).sum().backward()
    alone = (values if which == "values" else x).requires_grad_()
    product(values, pattern, x, path=path).sum().backward()
    torch.testing.assert_close(alone.grad, both[0 if which == "values" else 1].grad, rtol=1e-13, atol=1e-13)


def test_threads_change_no_bit():
    _, pattern, values, x = drawn(200, 150, 3000, 20, dtype=torch.float32)
    found = []
    for threads in (1, 2, 5):
        inputs = [values.clone().requires_grad_(), x.clone().requires_grad_()]
        y = product(inputs[0], pattern, inputs[1], threads=threads)
        (y**2).sum().backward()
        found.append([y.detach(), inputs[0].grad, inputs[1].grad])
    assert all(torch.equal(a, b) for each in found[1:] for a, b in zip(found[0], each, strict=True))


def test_without_sparse_products_torch_does_it_by_parts(monkeypatch):
    monkeypatch.setattr("conntap.train.products._ENTRIES", 50)
    _, pattern, values, x = drawn(9, 7, 30, 6)
    grad = torch.ones(7, 6, dtype=torch.float64)
    sampled = _sampled(pattern.indptr, pattern.indices, grad, x)
    torch.testing.assert_close(_sampled_by_parts(pattern.indptr, pattern.indices, grad, x), sampled)
    whole = product(values, pattern, x, path="plain")
    torch.testing.assert_close(_by_parts(pattern.indptr, pattern.indices, values, x), whole)
    monkeypatch.setattr("torch.backends.mkl.is_available", lambda: False)
    torch.testing.assert_close(product(values, pattern, x, path="plain"), whole)


@pytest.mark.parametrize("path", PATHS)
def test_nothing_gives_zeros(path):
    pattern = Pattern.of(Connectome(3, [], []))
    values, x = torch.zeros(0, requires_grad=True), torch.ones(3, 2, requires_grad=True)
    y = product(values, pattern, x, path=path)
    y.sum().backward()
    assert not y.any()
    assert not x.grad.any()
    assert product(torch.zeros(0), pattern, torch.ones(3, 0), path=path).shape == (3, 0)
    empty = Pattern.of(Connectome(0, [], []))
    assert product(torch.zeros(0), empty, torch.ones(0, 2), path=path).shape == (0, 2)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_both_paths_agree(edges, columns):
    pre, post = ([each[n] for each in edges] for n in (0, 1))
    pattern = Pattern.of(Connectome(6, pre, post, post_nodes=4))
    values = torch.arange(1, pattern.n_connections + 1, dtype=torch.float64)
    x = torch.arange(6 * columns, dtype=torch.float64).reshape(6, columns).sin()
    torch.testing.assert_close(product(values, pattern, x), product(values, pattern, x, path="plain"))


def test_rows_are_shared_out_by_their_connections():
    ranges = row_ranges(np.array([0, 100, 101, 102, 103, 104]), 2)
    assert ranges[0] == (0, 1)
    assert [first for first, _ in ranges[1:]] == [last for _, last in ranges[:-1]]
    assert ranges[-1][1] == 5


def test_what_does_not_fit_is_told():
    _, pattern, values, x = drawn(9, 7, 30, 6)
    with pytest.raises(OptionError, match=r"product.values: shape \(3,\) for"):
        product(torch.ones(3), pattern, x)
    with pytest.raises(OptionError, match=r"product.x: shape \(7, 6\); it must be \(9, columns\)"):
        product(values, pattern, torch.ones(7, 6, dtype=torch.float64))
    with pytest.raises(OptionError, match="Make them one"):
        product(values, pattern, x.float())
    with pytest.raises(OptionError, match=r"no kernels for torch.float16"):
        product(values.half(), pattern, x.half(), path="compiled")
    with pytest.raises(OptionError, match="known: auto, compiled, plain"):
        product(values, pattern, x, path="numba")


def test_half_precision_is_computed_by_parts():
    _, pattern, values, x = drawn(9, 7, 30, 6)
    y = product(values.bfloat16(), pattern, x.bfloat16())
    torch.testing.assert_close(y.double(), product(values, pattern, x), rtol=0.05, atol=0.1)


@pytest.mark.parametrize("path", PATHS)
def test_a_multiplier_gives_the_gradients_of_products_one_by_one(path):
    _, pattern, values, x = drawn(9, 9, 30, 6)
    found = []
    for times in (multiplier, None):
        given = [values.clone().requires_grad_(), x.clone().requires_grad_()]
        once = (
            multiplier(given[0], pattern, path=path)
            if times
            else lambda x, v=given[0]: product(v, pattern, x, path=path)
        )
        once(once(given[1]).tanh()).square().sum().backward()
        found.append([each.grad for each in given])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
