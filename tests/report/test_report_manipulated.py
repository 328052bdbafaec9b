"""The page of a study that changes connectomes: its results on top, before beside after, checks, masks, links."""

import re

import pytest

from conntap.study import load_study, run

BODY = """
stages:
  net: {do: circuits.connectome, of: circuits}
  before: {do: analyze.simplex_counts, of: net}
  pairs: {do: manipulate.reciprocal_mask, of: net}
  without: {do: manipulate.remove_connections, of: net, mask: {from: stages.pairs}, fraction: 1}
  check: {do: circuits.check_removed, of: {before: net, after: without, mask: pairs}}
  after: {do: analyze.simplex_counts, of: without}
  change: {do: analyze.change, of: {before: before, after: after}, fill_value: 0, description: What is lost.}
run: {workers: 1}
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    from conntap.report import write_page

    folder = tmp_path_factory.mktemp("manipulated")
    (folder / "nodes.csv").write_text("id,layer\n0,1\n1,1\n2,2\n3,2\n")
    (folder / "edges.csv").write_text("pre,post\n0,1\n1,2\n0,2\n2,3\n3,2\n")
    path = folder / "study.yaml"
    path.write_text(f"study: Changed\ncircuits: {{toy: {{path: edges.csv, nodes: nodes.csv}}}}{BODY}")
    outcome = run(load_study(path))
    assert outcome.ok
    return write_page(outcome.store, folder / "page.html").read_text()


def section(page, name):
    return page.split(f"<h2>{name}</h2>")[1].split("<section")[0]


def test_what_nothing_else_takes_stands_on_top_the_last_first(page):
    results = section(page, "Results")
    assert re.findall(r'<h3><a href="#stage-\d+">(\w+)</a>', results) == ["change", "check"]
    assert "What is lost." in results
    assert results.count("<svg") == 1
    assert page.index("<h2>Results</h2>") < page.index("<h2>Cases</h2>")


def test_before_and_after_are_in_one_picture(page):
    shown = section(page, "change")
    assert shown.count("<svg") == 1
    assert re.findall(r'class="key line"[^>]*></span>(\w+)', shown) == ["before", "after"]
    assert "Before, after, and their difference and ratio." in shown


def test_checks_are_told_in_a_sentence_and_a_list(page):
    shown = section(page, "check")
    assert "All 5 checks hold." in shown
    assert shown.count("<td>holds</td>") == 5
    assert "<svg" not in shown


def test_a_mask_is_told_by_its_size_and_what_takes_it_links_to_it(page):
    assert "Connections that each mask names." in section(page, "pairs")
    without = section(page, "without")
    assert re.search(r'<dt>mask</dt><dd><a href="#stage-3">pairs</a></dd>', without)
    assert "The nodes are those of what it was made of" in without


def test_a_check_that_does_not_hold_says_how_many_are_wrong():
    import pandas as pd

    from conntap.report.before_after import checked
    from conntap.report.blocks import Sample

    frame = pd.DataFrame(
        {"expected": [3, 2], "found": [3, 1], "wrong": [0, 1], "holds": [True, False]},
        index=pd.Index(["nodes", "edges"], name="check"),
    )
    sample = Sample("c", pd.DataFrame({"circuit": ["a"]}), 1, lambda: iter([frame]), lambda *_: None)
    note, table = checked(sample, [frame])
    assert note.text == "1 of 2 checks do not hold."
    assert "1 wrong" in table.rows[0]
