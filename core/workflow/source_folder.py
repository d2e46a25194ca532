"""The folder that a workflow works on: what of it the team is shown, what not, and what has changed in it."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping

from core.events import Warned
from core.kinds import Tier
from core.workflow.run import FolderRead, Run
from core.workspace.files.git_changes import Changes, read_changes
from core.workspace.files.listing import SourceFiles, list_folder, read_sources

SOURCE_BYTES: Mapping[Tier, int] = {"tiny": 6_000, "compact": 16_000, "full": 60_000}
LISTED_FILES: Mapping[Tier, int] = {"tiny": 30, "compact": 80, "full": 200}
CHANGES_SHARE = 0.5  # of what sources may take; the rest is for the files themselves
SHOWN_NAMES = 5
SHOWN_LEFT_OUT = 50

_ABOUT_CHANGES = re.compile(
    r"\bdiffs?\b|\bpull[ -]?requests?\b|\bmerge[ -]?requests?\b|\bchange ?sets?\b|\bpatch(?:es)?\b|\b(?:un)?commit(?:s|ted)?\b"
    r"|\b(?:my|our|the|these|this|those|recent|latest|last|local|staged|unstaged|current|what|that|has|have|i|we)"
    r"\s+(?:\w+\s+)?chang(?:es?|ed)\b"
    r"|\b(?:meine|die|diese|letzten?|lokalen?|aktuellen?)\s+(?:\w+\s+)?\u00c4nderung(?:en)?\b"
    r"|\b(?:mes|les|ces)\s+modifications\b|\b(?:mis|los|estos)\s+cambios\b|\u6539\u52a8|\u53d8\u66f4|\u4fee\u6539",
    re.IGNORECASE,
)
_PULL_REQUEST = re.compile(r"\b(?:PR|MR)s?\b")


def asks_for_changes(task: str) -> bool:
    """Return whether a task speaks of a diff, of changes that were made, or of a pull request."""
    return _ABOUT_CHANGES.search(task) is not None or _PULL_REQUEST.search(task) is not None


class SourceFolder:
    """Reads the folder of one run within what the prompts of its tier have room for."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()  # steps that run side by side read it in threads
        self._changes: Changes | None = None
        self._unshown: tuple[str, ...] = ()
        self._has_told_unshown = False
        self._has_told_changes = False

    def sources(self) -> SourceFiles:
        """Return the files that there is room for beside the changes, and what is left out; nothing without a folder."""
        root, tier = self._run.source_folder, self._run.tier
        if root is None:
            return SourceFiles((), ())
        changes = self.changes()
        sources = read_sources(root, SOURCE_BYTES[tier] - len(changes.text.encode()))
        self._unshown = sources.cut
        notes = (*changes.left_out, *([f"the changes: {changes.trouble}"] if changes.trouble else []))
        left_out = (*notes, *sources.left_out)
        self._run.folder_read = FolderRead(tuple(path for path, _ in sources.files), left_out, bool(changes.text))
        return SourceFiles(sources.files, left_out, sources.cut)

    def file(self, path: str) -> str:
        """Return one file as it is in the folder; an empty text if it is not there or may not be shown."""
        root = self._run.source_folder
        return "" if root is None else dict(read_sources(root, SOURCE_BYTES["full"]).files).get(path, "")

    def changes(self) -> Changes:
        """Return what git says has changed, read once, if the workflow takes it and the task asks for it."""
        run = self._run
        takes = any("diff" in step.reads for step in run.workflow.steps)
        if run.source_folder is None or not takes or not asks_for_changes(run.request.task):
            return Changes()
        with self._lock:
            if self._changes is None:
                self._changes = read_changes(run.source_folder, int(SOURCE_BYTES[run.tier] * CHANGES_SHARE))
            return self._changes

    def left_out(self) -> str:
        """Return which files, and which changes, no prompt shows, and why, a line each."""
        return "\n".join(self.sources().left_out[:SHOWN_LEFT_OUT])

    def listing(self) -> str:
        """Return the names and sizes of its files, a line each."""
        root = self._run.source_folder
        return "" if root is None else list_folder(root, max_files=LISTED_FILES[self._run.tier])

    def tell(self) -> None:
        """Say, once in a run, which sources no prompt has room for, and that there are no changes to show."""
        run = self._run
        if self._unshown and not self._has_told_unshown:
            self._has_told_unshown = True
            shown = ", ".join(self._unshown[:SHOWN_NAMES])
            more = f" and {len(self._unshown) - SHOWN_NAMES} more" if self._unshown[SHOWN_NAMES:] else ""
            hint = "work on a smaller folder, or with a larger model"
            message = f"the team does not see all of the folder: {shown}{more}"
            run.deps.emit(Warned(**run.stamp(), message=message, hint=hint))
        if self._changes is not None and self._changes.trouble and not self._has_told_changes:
            self._has_told_changes = True
            message = f"the team is shown no changes: {self._changes.trouble}"
            hint = "the files are read as they are"
            run.deps.emit(Warned(**run.stamp(), message=message, hint=hint))
