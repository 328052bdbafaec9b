"""Cases, keys, seeds and batches follow from what is computed."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap import open_store
from conntap.errors import StudyError
from conntap.study import load_study, prepare, run
from conntap.study.batches import Unit, batched
from conntap.study.entries import with_run
from conntap.study.plan import Case as C
from conntap.study.plan import _joined


def units(path, stage, **run):
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


REPEATED = """
  cut: {do: 'plugin_steps:shuffled', of: local, repeat: 3}
  drew: {do: 'plugin_steps:shuffled', of: cut, repeat: 4}
  real: {do: 'plugin_steps:edges', of: cut}
  drawn: {do: 'plugin_steps:edges', of: drew}
"""


def test_what_repeats_something_repeated_has_a_column_of_each(write, local):
    path = write(local + REPEATED + "  thrice: {do: 'plugin_steps:draw', of: drew, repeat: 2}\n")
    drew, thrice = units(path, "drew"), units(path, "thrice")
    assert list(drew[0].case) == ["circuit", "subtarget", "cut_repeat", "repeat"]
    assert list(thrice[0].case) == ["circuit", "subtarget", "cut_repeat", "drew_repeat", "repeat"]
    assert (len(drew), len(thrice)) == (2 * 3 * 4, 2 * 3 * 4 * 2)
    assert len({unit.key for unit in [*drew, *thrice]}) == len(drew) + len(thrice)


def test_repeats_of_repeats_have_seeds_of_their_own_and_leave_the_inner_ones_as_they_were(write, local):
    seeds = [str(unit.made["seed"]) for unit in units(write(local + REPEATED), "drew")]
    assert len(set(seeds)) == len(seeds)
    alone = write(local + "  cut: {do: 'plugin_steps:shuffled', of: local, repeat: 3}\n")
    assert [u.key for u in units(alone, "cut")] == [u.key for u in units(write(local + REPEATED), "cut")]


def test_a_join_pairs_draws_with_what_they_were_drawn_of(write, local):
    path = write(local + REPEATED + "  both: {do: 'plugin_steps:add', of: {left: real, right: drawn}}\n")
    both = units(path, "both")
    assert list(both[0].case) == ["circuit", "subtarget", "cut_repeat", "repeat"]
    assert len(both) == len(units(path, "drawn"))
    assert len({tuple(unit.case.values()) for unit in both}) == len(both)


def test_two_columns_of_one_name_are_told(write, local):
    body = "  cut: {do: 'plugin_steps:shuffled', of: local, repeat: 3}\n"
    body += "  n: {do: 'plugin_steps:varied', of: cut, each: {cut_repeat: [1, 2]}, repeat: 2}\n"
    with pytest.raises(StudyError, match=r"stages\.n\.each: what it takes from already sweeps cut_repeat"):
        load_study(write(local + body))


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
    batches = batched([unit(load, str(load)) for load in (1, 2, 3, 4, 100)])
    assert all(batch.units for batch in batches)
    four = sorted((batch.load for batch in batches), reverse=True)[:4]
    assert four == [100, 4, 3, 2]


@settings(deadline=None, max_examples=50)
@given(loads=st.lists(st.floats(0.1, 1000), min_size=1, max_size=200))
def test_every_unit_is_in_one_batch_and_the_balance_is_that_of_longest_first(loads):
    batches = batched([unit(load, str(i)) for i, load in enumerate(loads)])
    assert sorted(u.key for b in batches for u in b.units) == sorted(str(i) for i in range(len(loads)))
    best = max(max(loads), sum(loads) / len(batches))
    assert max(batch.load for batch in batches) <= best * 4 / 3 + max(loads) / 3 + 1e-9


def test_repeats_of_one_input_are_spread_but_slices_of_one_draw_stay_together():
    cut = [replace(unit(1.0, "a"), key=f"{i} {j}", case={"repeat": i}) for i in range(1000) for j in range(2)]
    batches = batched(cut)
    assert len(batches) == 64
    for batch in batches:
        assert len(batch.units) == 2 * len({each.case["repeat"] for each in batch.units})


def test_no_batch_of_many_units_is_large():
    batches = batched([unit(1.0, str(i)) for i in range(100_000)])
    assert len(batches) == 200
    assert {len(batch.units) for batch in batches} == {500}


def test_repeats_of_repeats_run_and_are_independent(write, local):
    body = local + REPEATED + "  n: {do: 'plugin_steps:draw', of: drew}\n"
    study = load_study(write(body))
    run(with_run(study, workers=1))
    with open_store(study.folder / "store.h5") as store:
        values = store["n"].frame().reset_index()
    assert list(values.columns) == ["subtarget", "cut_repeat", "repeat", "n"]
    assert values.iloc[:, -1].nunique() == len(values) == 24
