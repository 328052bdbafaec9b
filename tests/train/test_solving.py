import numpy as np
import pytest
import torch
from scipy.integrate import RK45, solve_ivp

from conntap.errors import OptionError
from conntap.train import solving
from conntap.train.solving import Solver, advanced

torch.set_num_threads(1)
N, BATCH, SPAN = 5, 3, 2.5


def slope(h, drive, weights, tau):
    return (torch.tanh(drive + weights @ h) - h) / tau


def problem(seed=0):
    rng = np.random.default_rng(seed)
    arrays = (
        rng.normal(size=(N, BATCH)),
        rng.normal(size=(N, BATCH)),
        1.5 * rng.normal(size=(N, N)),
        rng.random((N, 1)) + 0.3,
    )
    return [torch.tensor(each) for each in arrays]


def expected(h, drive, weights, tau):
    def of_one(b):
        def f(_, y):
            return slope(torch.tensor(y)[:, None], drive[:, [b]], weights, tau)[:, 0].numpy()

        return solve_ivp(f, (0, SPAN), h[:, b].numpy(), rtol=1e-11, atol=1e-12).y[:, -1]

    return np.stack([of_one(b) for b in range(BATCH)], axis=1)


def solved(solver, given):
    return advanced(slope, solver, SPAN, given[0], given[1], given[2:])


@pytest.mark.parametrize(
    ("solver", "error"),
    [
        (Solver(rtol=1e-9, atol=1e-10), 1e-8),
        (Solver(rtol=1e-4, atol=1e-6), 1e-3),
        (Solver("rk4", step=0.02), 1e-6),
        (Solver("euler", step=0.005), 1e-2),
    ],
)
def test_states_are_those_that_scipy_finds(solver, error):
    given = problem()
    assert solved(solver, given).numpy() == pytest.approx(expected(*given), abs=error)


def test_the_method_of_dormand_and_prince_is_that_of_scipy():
    assert np.array_equal(RK45.P, solving._INSIDE)
    assert np.array_equal(RK45.B, solving._B)
    assert np.array_equal(RK45.E, solving._ERROR)
    assert all(np.array_equal(RK45.A[row, :row], solving._A[row]) for row in range(6))


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("rk4", 4)])
def test_errors_of_fixed_steps_fall_with_their_order(method, order):
    given = problem()
    exact = expected(*given)
    errors = [np.abs(solved(Solver(method, step=step), given).numpy() - exact).max() for step in (0.05, 0.025)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.4)


def gradients(solver, seed=0):
    given = [each.requires_grad_() for each in problem(seed)]
    after = solved(solver, given)
    return torch.autograd.grad((after * torch.arange(N * BATCH).reshape(N, BATCH)).sum(), given)


@pytest.mark.parametrize("method", ["dopri5", "rk4", "euler"])
def test_checkpoints_give_the_gradient_of_the_steps_taken_exactly(method):
    kept = gradients(Solver(method, step=0.1, backward="direct"))
    taken_again = gradients(Solver(method, step=0.1, backward="checkpoint"))
    assert all(torch.allclose(a, b, rtol=1e-13, atol=1e-13) for a, b in zip(kept, taken_again))


@pytest.mark.parametrize(
    ("solver", "error"),
    [
        ({"rtol": 1e-9, "atol": 1e-10}, 1e-7),
        ({"method": "rk4", "step": 0.02}, 1e-5),
        ({"method": "euler", "step": 0.005}, 5e-2),
    ],
)
def test_the_adjoint_comes_to_the_gradient_of_the_solution(solver, error):
    exact = gradients(Solver(rtol=1e-11, atol=1e-12, backward="direct"))
    found = gradients(Solver(**solver, backward="adjoint"))
    assert all(np.abs((a - b).numpy()).max() < error * max(1.0, float(a.abs().max())) for a, b in zip(exact, found))


@pytest.mark.parametrize(
    "options",
    [{"method": "rk4", "step": 0.2, "backward": "checkpoint"}, {"rtol": 1e-9, "atol": 1e-10, "backward": "adjoint"}],
)
def test_gradients_are_those_of_finite_differences(options):
    h, drive, weights, tau = problem(3)
    given = [each.clone().requires_grad_() for each in (h[:2, :2], drive[:2, :2], weights[:2, :2], tau[:2])]

    def of(*each):
        return advanced(slope, Solver(**options), 0.4, each[0], each[1], each[2:])

    assert torch.autograd.gradcheck(of, given, atol=1e-6, fast_mode=True)


def test_a_trial_is_solved_by_itself_whatever_else_is_in_the_batch():
    given = problem()
    solver = Solver(rtol=1e-5, atol=1e-7)
    together = solved(solver, given)
    hard = [torch.cat([each, 50 * each], dim=1) if each.shape[1] == BATCH else each for each in given]
    with_others = solved(solver, hard)[:, :BATCH]
    alone = torch.cat([solved(solver, [given[0][:, [b]], given[1][:, [b]], *given[2:]]) for b in range(BATCH)], dim=1)
    assert torch.allclose(together, alone, rtol=1e-12, atol=1e-12)
    assert torch.allclose(together, with_others, rtol=1e-12, atol=1e-12)


def test_inputs_stay_as_they_are_and_nothing_is_nothing():
    given = problem()
    before = [each.clone() for each in given]
    solved(Solver(), given)
    assert all(torch.equal(a, b) for a, b in zip(before, given))
    empty = torch.zeros(0, 3)
    assert advanced(slope, Solver(), 1.0, empty, empty, []).shape == (0, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Solver("dopri8"), "known: dopri5, euler, rk4"),
        (lambda: Solver(rtol=0.0), r"Solver\.rtol: 0\.0"),
        (lambda: Solver(step=float("nan")), r"Solver\.step"),
        (lambda: Solver(most_steps=0), "whole number from 1 on"),
        (lambda: solved(Solver(most_steps=3), problem()), "3 steps did not reach the end of an interval of 2.5"),
        (lambda: solved(Solver("rk4", step=0.01, most_steps=9), problem()), "takes 250 steps of 0.01, more than 9"),
        (
            lambda: solved(Solver(), [problem()[0] * float("nan"), *problem()[1:]]),
            "states of 3 of 3 trials are not finite",
        ),
        (lambda: solved(Solver("euler"), [problem()[0] * float("inf"), *problem()[1:]]), "are not finite"),
    ],
)
def test_what_cannot_be_solved_is_told(make, message):
    with pytest.raises(OptionError, match=message):
        make()
