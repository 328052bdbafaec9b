"""What manipulations would touch, told before they run."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from conntap import open_circuit, open_store
from conntap.circuits import Connectome
from conntap.circuits.provenance import provenance
from conntap.circuits.sonata.writing import write_sonata
from conntap.manipulate import rewired
from conntap.study import load_study, run
from conntap.study.foreseen import foresee
from conntap.study.setup import prepare

BODY = """
subtargets:
  layers: {do: circuits.groups, of: circuits.a, by: layer}
stages:
  cut:
    do: manipulate.circuit
    of: circuits.a
    recipe: [{do: remove_connections, pre: layer == 1}, {do: remove_synapses, fraction: 0.1}]
    each: {fraction: [0.25, 0.5]}
    repeat: 3
  again: {do: manipulate.circuit, of: cut, recipe: [{do: subsample, fraction: 0.5}]}
  net: {do: circuits.connectome, of: subtargets.layers}
  less: {do: manipulate.remove_connections, of: net, fraction: 0.5}
  scaled: {do: manipulate.alter_property, of: net, property: w, how: scale, value: 2.0, pre: id < 15}
  pairs: {do: manipulate.reciprocal_mask, of: net}
  without: {do: manipulate.remove_connections, of: net, mask: {from: stages.pairs}, fraction: 1}
run: {workers: 1}
"""


@pytest.fixture
def study(folder, write):
    """A circuit of 30 cells; each connection has two synapses."""
    rng = np.random.default_rng(1)
    nodes = pd.DataFrame({"layer": np.arange(30) % 2})
    pre, post = (np.repeat(ends, 2) for ends in np.nonzero(rng.random((30, 30)) < 0.2))
    write_sonata(Connectome(nodes, pre, post, properties={"w": rng.random(len(pre))}), folder / "a")
    return load_study(write(BODY, circuits="a: a"))


@pytest.fixture
def foreseen(study):
    return lambda out=study.folder, **options: foresee(study, out, prepare(study), **options)


def of(rows, stage):
    return [row for row in rows if row.stage == stage]


def test_what_a_recipe_would_touch_is_what_it_then_touches(study, foreseen):
    told = of(foreseen(), "cut")
    assert [row.do for row in told] == ["remove_connections", "remove_synapses"] * 2
    with open_store(run(study).store) as store:
        cases = store["cut"].cases
        first = cases.index[cases["repeat"] == 0]
        changed = [step for row in first for step in provenance(store["cut"][int(row)].edges())["changed"]]
    assert [row.synapses for row in told] == [step["synapses"] for step in changed]
    assert [row.connections for row in told] == [step.get("connections") for step in changed]
    assert all(row.synapses <= row.of_synapses for row in told)
    assert [row.selected for row in told] == [("connections",), ("synapses",)] * 2


def test_what_rewiring_would_touch_is_the_difference_that_it_makes(write, study):
    rule, body = "rule: {kind: Constant, p: 0.3}", "stages:\n"
    for name in ("none", "in-degree"):
        step = f"{{do: rewire, preserve: {name}, {rule}}}"
        body += f"  {name}: {{do: manipulate.circuit, of: circuits, recipe: [{step}]}}\n"
    other = load_study(write(body, circuits="a: a", name="other.yaml"))
    told = foresee(other, other.folder, prepare(other))
    old = open_circuit(other.path.parent / "a").edges().connectome()
    with open_store(run(other).store) as store:
        for row in told:
            table = rewired(old, store[row.stage][0].edges().connectome(), per="total")
            assert row.connections == table[["rewired", "added", "deleted"]].sum(axis=1)["all"]
            assert row.of_connections == table["before"]["all"]
            assert row.synapses == 2 * row.connections  # each connection has two, new ones too


def test_manipulations_in_memory_are_counted_where_only_reading_stands_before_them(study, foreseen):
    rows = foreseen()
    for row in of(rows, "less"):
        assert row.connections == round(row.of_connections / 2)
        assert row.synapses == 2 * row.connections
    changed = of(rows, "scaled")
    assert [row.connections for row in changed] == [0, 0]
    assert all(0 < row.synapses < row.of_synapses for row in changed)


def test_what_needs_another_stage_is_known_once_that_has_run(study, foreseen):
    rows = foreseen()
    assert {row.note for row in of(rows, "again")} == {"known once cut has run"}
    assert {row.note for row in of(rows, "without")} == {"known once pairs has run"}
    assert not study.folder.exists()


def test_values_that_are_there_are_taken_and_what_is_done_is_left_out(study, foreseen):
    from conntap.study.records import stage_folder

    run(study)
    assert foreseen() == []
    for path in (stage_folder(study.folder, "again") / "shards").iterdir():
        path.unlink()
    (again, *_) = of(foreseen(), "again")
    assert again.synapses == pytest.approx(again.of_synapses / 2, abs=1)


def test_large_inputs_are_not_counted_and_that_is_said(foreseen):
    assert all("are more than 10" in row.note for row in of(foreseen(most_edges=10), "cut"))
    assert {row.note for row in of(foreseen(most_edges=0), "cut")} == {"not counted, to save time"}


def test_a_manipulation_that_would_fail_says_so(folder, write, study):
    body = BODY.replace("pre: layer == 1}, ", "pre: layer == 1, connections: 1000}, ")
    other = load_study(write(body, circuits="a: a", name="other.yaml"))
    rows = of(foresee(other, other.folder, prepare(other)), "cut")
    assert all(row.note.startswith("would fail") and "there are" in row.fails for row in rows)
    command = [sys.executable, "-m", "conntap.cli", "plan", str(other.path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "What would fail" in told.stdout
    assert "remove_connections.connections: 1000; there are" in told.stdout
    assert subprocess.run([*command, "--json"], capture_output=True, check=False).returncode == 2


def test_the_command_line_shows_it(study):
    command = [sys.executable, "-m", "conntap.cli", "plan", str(study.path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "What manipulations would touch" in text
    assert "known once cut has run" in text
    assert re.search(r"remove_connections +\d+ of \d+ selected +\d+ of \d+ in all", text)
    rows = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    assert rows[0]["stage"] == "cut"
    assert rows[0]["touches"][0]["do"] == "remove_connections"
