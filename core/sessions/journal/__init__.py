"""A run's journal: every event of the run in order, one JSON object a line, so that kill -9 loses a moment at most."""

from __future__ import annotations

from core.sessions.journal.call_contract import CallContract
from core.sessions.journal.lines import JournalLines, schema_line
from core.sessions.journal.reader import check_journal, read_journal
from core.sessions.journal.writer import Journal

__all__ = ["CallContract", "Journal", "JournalLines", "check_journal", "read_journal", "schema_line"]
