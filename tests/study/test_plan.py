"""Cases, keys, seeds and batches follow from what is computed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.study import load_study, prepare
from conntap.study.batches import Unit, batched
from conntap.study.plan import Case as C
from conntap.study.plan import _joined


def units(path, stage, **run):
    from conntap.study.entries import with_run

    plans, _, _ = prepare(with_run(load_study(path), **run))
    return plans[stage].units


def test_cases_of_a_stage_are_circuits_subtargets_sweeps_repeats_controls(write, local):
    body = local + (
        "  n: {do: 'plugin_steps:draw', of: local, each: {scale: [1.0, 2.0]}, repeat: 3, controls: [s], slices: [ei]}\n"
        "controls: {s: {do: 'plugin_steps:shuffled', draws: 4}}\nslices: {ei: ei}\n"
    )
    found = units(write(body), "n")
    assert len(found) == 2 * 2 * 3 * (1 + 4) * 2
    assert list(found[0].case) == ["circuit", "subtarget", "scale", "repeat", "control", "draw"]
    assert len({unit.key for unit in found}) == len(found)


def test_keys_do_not_depend_on_workers_names_of_stages_or_comments(write, local):
    one = units(write(local + "  n: {do: 'plugin_steps:draw', of: local}\n"), "n", workers=1)
    two = units(write(local + "  # more\n  other: {do: 'plugin_steps:draw', of: local}\n"), "other", workers=7)
    assert [unit.key for unit in one] == [unit.key for unit in two]


def test_more_draws_leave_the_keys_of_the_first_as_they_were(write, local):
    def keys(draws):
        body = f"  n: {{do: 'plugin_steps:edges', of: local, controls: [s]}}\ncontrols: {{s: {{do: 'plugin_steps:shuffled', draws: {draws}}}}}\n"  # fmt: skip
        return {unit.key for unit in units(write(local + body), "n")}

    assert keys(2) < keys(5)


def test_a_seed_enters_only_the_keys_of_what_is_random(write, local):
    def keys(seed, step):
        return [u.key for u in units(write(local + f"  n: {{do: 'plugin_steps:{step}', of: local}}\n", seed=seed), "n")]

    assert keys(1, "edges") == keys(2, "edges")
    assert not set(keys(1, "draw")) & set(keys(2, "draw"))


def test_two_stages_measure_the_same_draw_of_a_control(write, local):
    body = (
        "  a: {do: 'plugin_steps:edges', of: local, controls: [s]}\n  b: {do: 'plugin_steps:edges', of: local, times: 2, controls: [s]}\n"
        "controls: {s: {do: 'plugin_steps:shuffled', draws: 2}}\n"
    )
    path = write(local + body)
    assert [unit.control for unit in units(path, "a")] == [unit.control for unit in units(path, "b")]


def test_inputs_join_on_the_columns_they_share():
    left = [C({"circuit": "a", "subtarget": s}, {}, s) for s in ("x", "y")]
    right = [C({"circuit": "a"}, {}, "all"), C({"circuit": "b"}, {}, "none")]
    rows = list(_joined({"input left": left, "input right": right}, cross=False))
    assert [columns for columns, _ in rows] == [{"circuit": "a", "subtarget": "x"}, {"circuit": "a", "subtarget": "y"}]


def test_a_cross_join_stays_within_a_circuit_and_names_its_columns():
    cases = [C({"circuit": c, "subtarget": s}, {}, c + s) for c in ("a", "b") for s in ("x", "y")]
    rows = list(_joined({"input pre": cases, "input post": cases}, cross=True))
    assert len(rows) == 8
    assert rows[1][0] == {"circuit": "a", "pre_subtarget": "x", "post_subtarget": "y"}


def test_stages_that_share_no_case_are_told(write, local):
    import pytest

    from conntap.errors import StudyError

    body = local.replace(
        "stages:", "  whole: {do: circuits.whole}\nstages:\n  w: {do: circuits.connectome, of: subtargets.whole}"
    )
    body += "  n: {do: 'plugin_steps:add', of: {left: a, right: b}}\n  a: {do: 'plugin_steps:edges', of: local}\n  b: {do: 'plugin_steps:edges', of: w}\n"
    with pytest.raises(StudyError, match=r"stages\.n: no cases: a, b share none"):
        units(write(body), "n")


def unit(load, name):
    return Unit(name, {}, {"connectome": {"key": name}}, {}, {}, None, None, {}, load)


def test_five_uneven_units_leave_none_of_four_batches_idle():
    batches = batched([unit(load, str(load)) for load in (1, 2, 3, 4, 100)], workers=1)
    assert all(batch.units for batch in batches)
    four = sorted((batch.load for batch in batches), reverse=True)[:4]
    assert four == [100, 4, 3, 2]


@settings(deadline=None, max_examples=50)
@given(loads=st.lists(st.floats(0.1, 1000), min_size=1, max_size=60), workers=st.integers(1, 5))
def test_every_unit_is_in_one_batch_and_the_balance_is_that_of_longest_first(loads, workers):
    batches = batched([unit(load, str(i)) for i, load in enumerate(loads)], workers)
    assert sorted(u.key for b in batches for u in b.units) == sorted(str(i) for i in range(len(loads)))
    best = max(max(loads), sum(loads) / len(batches))
    assert max(batch.load for batch in batches) <= best * 4 / 3 + max(loads) / 3 + 1e-9
