"""`tap run` and `tap show` print any kind of value of any kind of study, and never fail one that was computed."""

import itertools
import json
import subprocess
import sys

import pytest

from conntap import open_circuit
from conntap.circuits import Connectome
from conntap.circuits.sonata.writing import write_sonata

KINDS = {"scalar": "edges", "series": "measures", "table": "cells", "connectome": "copied", "array": "matrix"}
WAYS = {
    "plain": "",
    "controls": ", controls: [s]",
    "numbers": ", slices: [numbers]",
    "both": ", controls: [s], slices: [numbers, truth]",
}
SOURCES = {"one": "circuits", "two": "subtargets.layers"}
STUDY = """\
study: Kinds
circuits: {{toy: {{path: edges.csv, nodes: nodes.csv}}}}
subtargets: {{layers: {{do: circuits.groups, by: layer}}}}
stages:
  local: {{do: circuits.connectome, of: {source}}}
{stages}
controls: {{s: {{do: 'plugin_steps:shuffled', draws: 2}}}}
slices: {{numbers: {{by: layer}}, truth: {{by: good}}}}
run: {{workers: 1}}
"""


def tap(*arguments):
    done = subprocess.run([sys.executable, "-m", "conntap.cli", *map(str, arguments)], capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    return done.stdout


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_every_kind_of_value_is_printed_and_shown_on_the_page(folder, source):
    nodes = (folder / "nodes.csv").read_text().splitlines()
    flags = ["good", "true", "false", "true", "false", "true", "false"]
    (folder / "nodes.csv").write_text("\n".join(f"{line},{flag}" for line, flag in zip(nodes, flags, strict=True)))
    names = [f"{kind}-{way}" for kind, way in itertools.product(KINDS, WAYS)]
    stages = [
        f"  {kind}-{way}: {{do: 'plugin_steps:{KINDS[kind]}', of: local{WAYS[way]}}}"
        for kind, way in itertools.product(KINDS, WAYS)
    ]
    path = folder / "study.yaml"
    path.write_text(STUDY.format(source=source, stages="\n".join(stages)))
    tap("run", path)
    for name in names:
        assert tap("show", folder / "study", name).strip()
    assert "cannot be drawn" not in (folder / "study" / "report.html").read_text()
    assert "|" not in tap("show", folder / "study", "scalar-plain", "--query", "circuit == 'toy'")


def test_a_value_that_is_missing_is_not_printed_as_zero(folder, write):
    tap("run", write("stages: {m: {do: 'plugin_steps:measures', of: circuits.toy}}\n"), "--no-report")
    assert tap("show", folder / "study", "m").split()[-3:] == ["8", "-", "0.5"]


def test_what_a_sweep_left_out_is_not_printed_as_zero(folder, write):
    body = "stages: {m: {do: analyze.simplex_counts, of: circuits.toy, each: {max_dimension: [1, 2]}}}\n"
    tap("run", write(body), "--no-report")
    lines = tap("show", folder / "study", "m").splitlines()
    assert lines[-3].split() == ["1", "6", "8", "-"]
    assert lines[-2].split() == ["2", "6", "8", "1"]


def test_columns_are_chosen_by_name_and_those_that_do_not_fit_are_named(folder, write):
    tap("run", write("stages: {wide: {do: 'plugin_steps:wide', of: circuits.toy}}\n"), "--no-report")
    text = tap("show", folder / "study", "wide")
    assert "showing 12 of 41 columns; --columns NAMES shows others: column_number_11, column_number_12" in text
    assert max(map(len, text.splitlines()[:-1])) <= 200
    lines = tap("show", folder / "study", "wide", "--columns", "column_number_39, *_12").splitlines()
    assert ["column_number_39", "column_number_12"] in [line.split() for line in lines]
    command = [sys.executable, "-m", "conntap.cli", "show", str(folder / "study"), "wide", "--columns", "colum"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "tap show --columns: unknown column 'colum'" in done.stderr


def test_of_a_circuit_that_was_made_the_path_is_told_whole(folder, write):
    write_sonata(Connectome(4, [0, 1, 2], [1, 2, 3]), folder / "a")
    body = "stages: {cut: {do: manipulate.circuit, recipe: [{do: subsample, fraction: 0.5}]}}\n"
    tap("run", write(body, circuits="a: a"), "--no-report")
    (row,) = json.loads(tap("show", folder / "study", "cut", "--json"))
    assert open_circuit(row["value"]).edges().size == 2
    assert row["value"][-20:] in tap("show", folder / "study", "cut", "--columns", "value")
