"""A run's own folder: texts by reference, and faults of the disk in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import WorkspaceError
from core.sessions.folder import Session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session = Session("20260102-030405-abcd", tmp_path)
    session.prepare()
    return session


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\r")))
def test_a_text_comes_back_by_its_reference_and_is_stored_once(session: Session, text: str) -> None:
    reference = session.store_text(text)

    assert session.store_text(text) == reference
    assert session.read_text(reference) == text


def test_a_folder_is_for_its_owner_alone_and_keeps_no_parts(session: Session) -> None:
    reference = session.store_text("a")

    assert session.folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (session.folder / "texts").iterdir()] == [reference]


def test_all_that_is_kept_of_a_run_is_in_its_own_folder(session: Session) -> None:
    assert session.journal_path == session.folder / "journal.jsonl"
    assert session.checkpoint_path == session.folder / "checkpoints.sqlite"


@pytest.mark.parametrize("reference", ["", "0" * 64, "../../etc/passwd", "0" * 63 + "/"])
def test_an_unknown_reference_is_an_empty_text(session: Session, reference: str) -> None:
    assert session.read_text(reference) == ""


@pytest.mark.parametrize("run_id", ["", "../x", "a/b", "-x", "x" * 65])
def test_a_run_id_that_could_leave_the_folder_is_refused(run_id: str, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="is no run id"):
        Session(run_id, tmp_path)


def test_a_folder_that_cannot_be_made_is_named_and_texts_stay_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    session = Session("run", tmp_path / "file")

    session.prepare()

    assert "cannot be created" in session.trouble
    assert session.read_text(session.store_text("a")) == "a"


def test_a_text_that_cannot_be_stored_stays_in_memory(session: Session) -> None:
    (session.folder / "texts").rmdir()

    assert session.read_text(session.store_text("a")) == "a"

    assert "takes no text" in session.trouble
    assert "\n" not in session.trouble
