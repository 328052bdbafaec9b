"""The page: whole, self-contained, escaped, bounded and the same each time."""

import logging
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from report_samples import stage
from scipy import sparse

from conntap.activity import Spikes, Traces
from conntap.errors import MissingExtra, StoreError
from conntap.report import write_page
from conntap.store import File

_VOID = {"meta", "link", "br", "img", "input", "hr"}


class Reader(HTMLParser):
    """Notes the tags, attributes and text of a page, and whether its tags close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attrs, self.ids, self.words, self.crossed = [], [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attrs += attrs
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def page(store_path, tmp_path_factory):
    return write_page(store_path, tmp_path_factory.mktemp("out") / "page.html", failures=[]).read_text()


def test_the_page_is_html_whose_tags_close_in_order(page):
    reader = Reader(page)
    assert not reader.crossed
    assert not reader.open
    assert {"title", "nav", "main", "table", "svg", "figcaption"} <= set(reader.tags)


def test_the_page_loads_nothing_and_runs_nothing(page):
    reader = Reader(page)
    assert not {"script", "iframe", "object", "embed", "base", "form"} & set(reader.tags)
    text = re.sub(r"base64,[\w+/=]*", "", page)
    assert not re.search(r"(https?:)?//[a-z]|@import|@font-face|javascript:", text, flags=re.IGNORECASE)
    assert not [name for name, _ in reader.attrs if name.startswith("on")]
    assert all(value.startswith(("#", "data:")) for name, value in reader.attrs if name in ("href", "src"))
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))


def test_the_page_tells_the_study_and_where_it_comes_from(page):
    text = " ".join(Reader(page).words)
    for words in ("How the simplicial structure of a column differs", "columns", "study_hash", "3f9a", "ada", "2.4"):
        assert words in text


def test_every_stage_has_a_section_with_figures(page):
    for position, name in enumerate(["connectomes", "nodes", "counts", "degrees", "reciprocity", "fits"], start=1):
        part = page.split(f'id="stage-{position}"')[1].split("<section")[0]
        assert f"<h2>{name}</h2>" in part
        assert "<svg" in part
        assert "cannot be drawn" not in part


def test_ids_are_unique_and_every_reference_has_its_target(page):
    ids = Reader(page).ids
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([\w.-]+)', page)) <= set(ids)


def test_the_study_text_and_descriptions_are_escaped(page):
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "What &lt;b&gt;is&lt;/b&gt; wired." in page


def test_names_that_look_like_html_or_formulas_stay_text(write):
    nasty = ["<img src=x onerror=alert(1)>", "$\\frac{", 'a"b', "nul\x00\x1b", "名前", "&amp;"]
    table = pd.DataFrame({"kind": nasty, "x": range(6), "y": range(6)}, index=pd.Index(nasty, name="id"))
    series = pd.Series(range(6), pd.Index(nasty, name="<i>entry"), name="<u>value")
    text = write(
        stage("<b>nodes", [({"subtarget": nasty[0]}, table)], description=nasty[0], options={nasty[1]: nasty[2]}),
        stage("series", [({"subtarget": name}, series) for name in nasty[:3]]),
        failures=[{"unit": nasty[0], "error": "<script>", "command": "<script>", "log": "<script>"}],
    )
    reader = Reader(text)
    assert not {"img", "script", "i", "u", "b"} & set(reader.tags)
    assert not reader.crossed
    assert "cannot be drawn" not in text


def test_two_runs_give_the_same_bytes(store_path, tmp_path, page):
    again = write_page(store_path, tmp_path / "again.html", failures=[])
    assert again.read_text() == page


def test_statistics_say_how_small_p_can_be(page):
    part = page.split('id="stage-3"')[1].split("<section")[0]
    assert "shuffled with 4 has 0.2, so p ≥ 0.4" in part
    assert "z score" in part


def test_failures_are_told_with_the_command_to_repeat(write):
    failure = {
        "stage": "counts",
        "case": {"subtarget": "R0;C0", "draw": 3},
        "error": "MemoryError: no room\nmore",
        "command": "tap batch study.yaml counts 3",
        "log": "run/counts/3.log",
    }
    text = write(failures=[failure])
    part = text.split('id="failures"')[1].split("<section")[0]
    for words in (
        "counts · subtarget R0;C0 · draw 3",
        "MemoryError: no room<",
        "tap batch study.yaml counts 3",
        "3.log",
    ):
        assert words in part


def test_no_list_of_failures_is_not_the_same_as_no_failures(write):
    assert "not recorded" in write()
    assert "Every unit was computed." in write(failures=[])


def test_many_failures_are_counted_and_the_first_shown(write):
    text = write(failures=[{"unit": f"unit-{n}", "error": "no"} for n in range(250)])
    assert "Showing 100 of 250 failures." in text
    assert "unit-249" not in text


@pytest.mark.parametrize(
    "values",
    [
        ["good", "bad", None],
        [True, False, True],
        [1, "two", 3.5],
        [np.nan, np.inf, -np.inf],
        [np.zeros((3, 4)), np.ones((3, 4))],
        [np.arange(5.0), np.arange(7.0)],
        [np.zeros((2, 3, 4))],
        [np.array(["a", "b"])],
        [np.complex128(1 + 2j)],
        [sparse.csr_array(np.eye(4)), sparse.csr_array((0, 0))],
        [[np.zeros((3, 1), int), np.zeros((5, 2), int)]],
        [pd.Series(["a", "b", "a"])],
        [pd.Series(np.arange(500.0)), pd.Series(np.arange(400.0))],
        [pd.Series([], dtype=float)],
        [pd.DataFrame()],
        [pd.DataFrame({"a": [True, False], "b": ["x", None]})],
        [pd.DataFrame({"n": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]))],
        [{"a": 1, "b": "text", "c": {"d": [1.0][0]}}],
        [Spikes([2, 0, 2], [30.0, 10.0, 20.0], duration_ms=100, ids=3)],
        [Traces(np.ones((20, 3)), dt_ms=0.5, unit="mV")],
    ],
    ids=lambda values: type(values[0]).__name__ + f"-{len(values)}",
)
def test_a_value_of_any_kind_is_shown(write, values, caplog):
    with caplog.at_level(logging.ERROR):
        text = write(stage("things", [({"subtarget": str(n)}, value) for n, value in enumerate(values)]))
    assert not caplog.records
    assert "cannot be drawn" not in text
    assert "things" in text


def test_a_stage_without_cases_and_a_store_without_stages_are_said(write):
    from conntap.store import StageData

    assert "This stage has no values." in write(StageData("empty", cases=pd.DataFrame({"subtarget": []})))
    assert "no stages" in write()


def test_files_are_listed_by_name(write, tmp_path):
    (tmp_path / "figure.txt").write_text("12345")
    text = write(stage("files", [({"subtarget": "a"}, File(tmp_path / "figure.txt"))]))
    assert "figure.txt" in text


def test_a_stage_that_cannot_be_drawn_leaves_the_rest(store_path, tmp_path, monkeypatch, caplog):
    from conntap.report import stages

    def broken(sample):
        raise ZeroDivisionError("<no>")

    monkeypatch.setitem(stages._SHOWN, "table", (broken, 10))
    text = write_page(store_path, tmp_path / "page.html").read_text()
    assert text.count("This stage cannot be drawn: ZeroDivisionError: &lt;no&gt;") == 2
    assert "z score" in text


def test_very_many_cases_are_sampled_and_the_page_says_so(write):
    rng = np.random.default_rng(0)
    matrices = [({"subtarget": f"S{n}"}, sparse.random_array((20, 20), density=0.1, rng=rng)) for n in range(300)]
    numbers = [({"subtarget": f"S{n}"}, float(n)) for n in range(20_000)]
    text = write(stage("matrices", matrices), stage("numbers", numbers))
    assert "12 pictures at most, of 300 values" in text
    assert "Drawn from 120 of 300 values" in text
    assert "Showing 20 of 20,000 rows." in text
    assert len(text) < 600_000


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    (tmp_path / "page.html").write_text("old")
    with pytest.raises(StoreError, match="no such file"):
        write_page(tmp_path / "absent.h5", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "old"


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_a_missing_package_names_the_extra(store_path, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"{package}.*conntap\[report\]"):
        write_page(store_path, tmp_path / "page.html")


def test_a_study_that_is_no_yaml_is_still_shown_as_text(write):
    text = write(attrs={"study": "a: [1\n\tb: }{ <p>"})
    assert "}{ &lt;p&gt;" in text


def test_the_lines_of_the_study_are_kept_to_the_letter():
    from conntap.report.source import highlighted

    text = '# all\nkey: value # why\n- {a: "b # c"}\n"quoted: key": 1\nurl: http://x#y\n\n'
    joined = ["".join(part for _, part in line) for line in highlighted(text)]
    assert joined == text.splitlines()
    assert ("name", "key") in highlighted(text)[1]
    assert ("comment", "# why") in highlighted(text)[1]


def test_neither_pyplot_nor_matplotlib_settings_are_touched(store_path, tmp_path):
    code = (
        "import sys, matplotlib;"
        "kept = lambda: {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != 'backend'};"
        "before = kept();"
        "from conntap.report import write_page;"
        f"write_page({str(store_path)!r}, {str(tmp_path / 'p.html')!r});"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "assert kept() == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_room_is_light():
    code = (
        "import sys, conntap.report; conntap.report.STEPS;"
        "assert not {'matplotlib', 'jinja2', 'pandas', 'h5py'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
