"""docs/ARCHITECTURE.md and the tree say the same: every room is in its table, and everything it names is there."""

from __future__ import annotations

import re

import pytest

from tests.support.repository import ROOT

TEXT = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
ROOMS = re.findall(r"^\| `((?:core|tui)/[\w/]*)` \|", TEXT, re.MULTILINE)
NAMED = sorted(set(re.findall(r"`((?:core|tui|prompts|themes)/[\w/.]*)`", TEXT)))
MAX_FILES = 16


def folders() -> list[str]:
    """Return every folder of code, as the table writes it."""
    found = {
        path.parent.relative_to(ROOT).as_posix() + "/" for top in ("core", "tui") for path in (ROOT / top).rglob("*.py")
    }
    return sorted(found)


def test_every_folder_of_code_is_a_row_of_the_table_once() -> None:
    assert sorted(ROOMS) == folders()


@pytest.mark.parametrize("place", NAMED)
def test_what_the_page_names_is_there(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.parametrize("folder", folders())
def test_no_folder_holds_more_files_than_a_stranger_can_survey(folder: str) -> None:
    files = [path for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"]

    assert len(files) <= MAX_FILES


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z][a-z]\w+)`", TEXT))))
def test_the_classes_that_the_page_names_exist(name: str) -> None:
    sources = [path.read_text(encoding="utf-8") for top in ("core", "tui") for path in (ROOT / top).rglob("*.py")]

    assert any(re.search(rf"^class {name}\b", source, re.MULTILINE) for source in sources)
