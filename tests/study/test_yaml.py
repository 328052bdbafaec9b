"""Text -> plain values: what is refused, and what the values are."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conntap.errors import StudyError
from conntap.study.yaml import read_document


@pytest.fixture
def read(tmp_path):
    def reader(text, name="study.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return read_document(path)

    return reader


def test_words_and_numbers_are_those_of_yaml_1_2(read):
    values = read("study: x\na: [no, yes, 012, 0x10, 1e3, true, ~, '2']").values
    assert values["a"] == ["no", "yes", 12, 16, 1000.0, True, None, "2"]


def test_values_are_plain_and_their_lines_known(read):
    document = read("study: x\nstages:\n  counts:\n    do: analyze.simplex_counts\n")
    assert type(document.values["stages"]) is dict
    assert document.line(("stages", "counts", "do")) == " (study.yaml, line 4)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("study: x\nstudy: y\n", r'line 2: duplicate key "study"'),
        ("study: [x\n", r"line 2, column 1: not YAML"),
        ("study: !!python/object/apply:os.system [echo]\n", r"the tag .*os\.system.* is not allowed"),
        ("study: !run {a: 1}\n", r"the tag '!run' is not allowed"),
        ("study: 2020-01-01\n", r"a date is not allowed; quote it"),
        ("study: .inf\n", r"study: inf is no number"),
        ("1: x\n", r"the key 1 is not text"),
        ("- x\n", r"holds a list; a study is a mapping"),
        ("", r"holds nothing"),
        ("a: " + "[" * 60 + "]" * 60, r"levels when unfolded"),
    ],
)
def test_what_is_no_plain_document_is_refused(read, text, message):
    with pytest.raises(StudyError, match=message):
        read(text)


def test_anchors_that_unfold_without_end_are_refused(read):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(StudyError, match="200,000 values"):
        read("\n".join(lines))


def test_json_with_a_duplicate_key_is_refused(read):
    with pytest.raises(StudyError, match="duplicate key 'seed'"):
        read('{"study": "x", "seed": 1, "seed": 2}', "study.json")


def test_a_missing_document_says_how_to_make_one():
    with pytest.raises(StudyError, match="tap init"):
        read_document(Path("nowhere.yaml"))


def test_a_document_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "study.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="not UTF-8"):
        read_document(tmp_path / "study.yaml")


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("abc xyz:#-", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=40)
@given(values=st.dictionaries(st.text("abcdef", min_size=1, max_size=4), _plain, max_size=4))
def test_json_means_the_same_read_as_yaml_and_as_json(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("same")
    for name in ("a.json", "a.yaml"):
        (folder / name).write_text(json.dumps(values))
    assert read_document(folder / "a.json").values == read_document(folder / "a.yaml").values == values
