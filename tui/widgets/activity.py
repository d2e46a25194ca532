"""What the team has made and what happened: files written and rejected, checks, hand-offs, warnings."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.words.numbers import clock_time, size
from tui.words.plain import plain

NEWEST_ENTRIES = 200


@dataclass(frozen=True, slots=True)
class FileRow:
    """One deliverable: `why` is empty when it was written."""

    path: str
    size_bytes: int
    version: int
    why: str
    agent: str


class Activity(VerticalScroll):
    """The pane of files and hand-offs; the newest state of each file, and the last entries of the timeline."""

    def __init__(self, number: int) -> None:
        super().__init__(id="activity", classes="pane")
        self._text = Static(id="activity-text")
        self._number = number
        self._files: dict[str, FileRow] = {}
        self._entries: list[tuple[float, Content]] = []

    def compose(self) -> ComposeResult:
        yield self._text

    def on_mount(self) -> None:
        self._show()

    def on_show(self) -> None:
        self.scroll_end(animate=False)

    @property
    def files(self) -> tuple[FileRow, ...]:
        """The files of this run, newest state each, in the order in which they appeared."""
        return tuple(self._files.values())

    def start(self) -> None:
        """Forget the run before."""
        self._files.clear()
        self._entries.clear()
        self._show()

    def add_file(self, row: FileRow) -> None:
        """Show a file as written or rejected."""
        self._files[row.path] = row
        self._show()

    def add_entry(self, at_seconds: float, text: str, style: str = "") -> None:
        """Add a line to the timeline; `at_seconds` counts from the start of the run."""
        self._entries.append((at_seconds, plain(text, style, 400)))
        del self._entries[:-NEWEST_ENTRIES]
        self._show()

    def _show(self) -> None:
        written = sum(not row.why for row in self._files.values())
        rejected = len(self._files) - written
        counts = f"{written} written" + (f", {rejected} rejected" if rejected else "")
        self.border_title = Content(f"{self._number} Files and hand-offs")
        self.border_subtitle = Content(counts if self._files else "no files yet")
        follows = self.scroll_offset.y >= self.max_scroll_y  # the newest line stays in view until the user scrolls
        self._text.update(self._content())
        if follows:
            self.call_after_refresh(self.scroll_end, animate=False)

    def _content(self) -> Content:
        lines = [_file_line(row) for row in self._files.values()]
        if not lines:
            lines = [Content.styled("Files appear here when the team writes them.", "$foreground 60%")]
        if self._entries:
            lines += [Content(""), Content.styled("TIMELINE", "bold")]
        for at_seconds, text in self._entries:
            lines.append(Content.styled(f"{clock_time(at_seconds)} ", "$foreground 60%") + text)
        return Content("\n").join(lines)


def _file_line(row: FileRow) -> Content:
    name = plain(row.path, "bold")
    if row.why:
        return Content.styled("✗ rejected ", "$text-error") + name + Content(": ") + plain(row.why, limit=300)
    version = f" v{row.version}" if row.version > 1 else ""
    about = f"{size(row.size_bytes)}{version} {row.agent}"
    return Content.styled("✓ written  ", "$text-success") + name + Content("  ") + plain(about, "$foreground 60%")
