"""What is left to do, what it will cost, and how it is shared out."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntap.study import load_study, run, setup
from conntap.study.costs import Costs
from conntap.study.entries import with_run
from conntap.study.jobs import Job, Limits, Piece, imbalance, shared, to_do
from conntap.study.records import Record, alike
from conntap.study.steps import find_step

MADE = {"options": {}, "inputs": {"connectome": "a"}, "step": "s"}


def job(costs, batch=0, **options):
    return Job("s", batch, tuple(Piece((f"{batch} {i}",), cost) for i, cost in enumerate(costs)), **options)


def record(load, wall_s, made=MADE, kind=""):
    return Record("x", 0, 0, kind, ({},), 0.0, wall_s, wall_s, 1.0, load, -1, -1, alike(made))


def test_five_uneven_weights_leave_none_of_four_shares_idle():
    shares = shared([job([1, 2, 3, 4, 100])], 4)
    assert sorted(sum(each.cost for each in share) for share in shares) == [3, 3, 4, 100]


@given(
    batches=st.lists(st.lists(st.floats(0.01, 100), min_size=1, max_size=20), min_size=1, max_size=6),
    number=st.integers(1, 9),
)
def test_shares_hold_every_key_once_and_are_within_four_thirds_of_the_best(batches, number):
    jobs = [job(costs, batch) for batch, costs in enumerate(batches)]
    shares = shared(jobs, number)
    assert sorted(k for share in shares for each in share for k in each.keys) == sorted(k for j in jobs for k in j.keys)
    assert all(share for share in shares)
    costs = [cost for each in batches for cost in each]
    largest = max(sum(each.cost for each in share) for share in shares)
    assert largest <= max(max(costs), sum(costs) / number) * 4 / 3 + max(costs) / 3 + 1e-9


def test_the_imbalance_is_the_longest_share_beside_the_mean():
    assert imbalance(shared([job([3, 1])], 2)) == pytest.approx(1.5)
    assert imbalance([]) == 1.0


@given(costs=st.lists(st.floats(0.01, 10), min_size=1, max_size=10), most=st.floats(0, 30))
def test_a_job_is_cut_without_losing_a_piece_and_its_first_part_is_never_empty(costs, most):
    first, rest = job(costs).cut(most)
    assert first.pieces + (rest.pieces if rest else ()) == job(costs).pieces
    assert len(first.pieces) == 1 or first.cost <= most + 1e-9


def test_a_job_survives_its_plain_form():
    one = job([1.0, 2.5], 3, limits=Limits(2, 10.0, None))
    assert Job.read(one.plain()) == one


def test_units_alike_are_expected_to_take_what_they_took():
    other = {**MADE, "inputs": {"connectome": "b"}}
    costs = Costs([record(1, 2.0), record(1, 4.0), record(10, 30.0, other)])
    drawn_otherwise = {**MADE, "seed": [7]}
    assert costs.of({"made": drawn_otherwise}, 1) == pytest.approx(3.0)


def test_a_larger_input_is_expected_to_take_longer_along_a_line():
    costs = Costs([record(10, 1.5), record(20, 2.5), record(30, 3.5)])
    assert costs.of({"made": {**MADE, "inputs": {}}}, 100) == pytest.approx(10.5)


def test_falling_times_are_not_carried_on_below_their_mean():
    costs = Costs([record(10, 3.0), record(20, 2.0), record(30, 1.0)])
    assert costs.of({"made": {**MADE, "inputs": {}}}, 1000) == pytest.approx(2.0)


def test_what_failed_tells_nothing_of_the_cost():
    assert not Costs([record(1, 9.0, kind="timed out")]).known


def test_what_is_left_costs_its_load_until_something_was_measured(write, local):
    study = load_study(write(local + "  n: {do: 'plugin_steps:edges', of: local, each: {times: [1, 2]}}\n"))
    setup(study, study.folder)
    left = to_do(study.folder, "n")
    assert (left.units, left.skipped, left.in_seconds) == (4, 0, False)
    run(with_run(study, workers=1))
    assert to_do(study.folder, "n").units == 0
    more = load_study(write(local + "  n: {do: 'plugin_steps:edges', of: local, each: {times: [1, 2, 3]}}\n"))
    setup(more, more.folder)
    left = to_do(more.folder, "n")
    assert (left.units, left.skipped, left.in_seconds) == (2, 4, True)
    assert 0 < left.cost < 5


def test_a_step_says_what_its_work_grows_with():
    assert find_step("plugin_steps:edges").load(10, 90) == 100
    assert find_step("plugin_steps:hang").load(10, 90) == 1
    assert find_step("plugin_steps:draw").load(10, 90) == 810


@pytest.mark.parametrize(
    "cost", [lambda n, m: m // n, lambda n, m: float("nan"), lambda n, m: 1e308 * 10, lambda n, m: -2]
)
def test_a_cost_that_is_no_number_fails_no_unit(cost):
    step = replace(find_step("plugin_steps:draw"), cost=cost)
    assert step.load(0, 0) == 1.0
