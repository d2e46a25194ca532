"""The sample task stands everywhere in the same words, and carries an example that becomes a test."""

from __future__ import annotations

from core.execution.evidence.examples.reader import read_examples
from tests.support.repository import ROOT
from tui.commands.parsers import EPILOG
from tui.words.sample import SAMPLE_TASK


def test_readme_and_help_run_the_sample() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert f'uv run quintet run "{SAMPLE_TASK}"' in readme
    # The help fits 80 columns: a shell joins the lines of a task that is broken with a backslash.
    assert SAMPLE_TASK in " ".join(EPILOG.replace("\\\n", "\n").split())


def test_the_sample_has_an_example_that_can_be_read() -> None:
    read = read_examples(SAMPLE_TASK)

    assert read.examples
    assert not read.unread
