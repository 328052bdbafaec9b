"""What the documentation shows is what works: studies load, links lead somewhere, commands exist."""

import re
from pathlib import Path

import pytest

from conntap import cli
from conntap.study import load_study

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "examples" / "README.md"]
STUDIES = [
    (page, block)
    for page in PAGES
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), flags=re.DOTALL)
    if block.startswith("study:")
]


@pytest.mark.parametrize(("page", "block"), STUDIES, ids=lambda value: getattr(value, "name", ""))
def test_a_study_shown_loads(page, block, tmp_path):
    for name in re.findall(r"(?:path|nodes): ([\w.]+)", block):
        (tmp_path / name).write_text("{}")
    (tmp_path / "study.yaml").write_text(block)
    assert load_study(tmp_path / "study.yaml").stages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_shown_exist(page):
    for name in re.findall(r"^(?:\$ )?tap (\w+)", page.read_text(), flags=re.MULTILINE):
        assert name in cli.tap.commands
