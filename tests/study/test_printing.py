"""`tap run` and `tap show` print any kind of value of any kind of study, and never fail one that was computed."""

import itertools
import subprocess
import sys

import pytest

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
