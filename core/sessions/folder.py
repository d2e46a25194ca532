"""A run's own folder: its checkpoints, its journal and the texts its state refers to."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from platformdirs import user_data_path

from core.errors import WorkspaceError
from core.system.atomic_file import write_atomically

_RUN_ID = re.compile(r"^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$")


def sessions_root() -> Path:
    """Return the folder that holds one folder a run."""
    return user_data_path("quintet", appauthor=False) / "sessions"


class Session:
    """One run on disk; texts are stored once under their SHA-256, so that checkpoints carry references only.

    A folder that cannot be written costs the record, not the run: `trouble` says so, and texts stay in memory.
    """

    def __init__(self, run_id: str, root: Path | None = None) -> None:
        if not _RUN_ID.match(run_id):
            raise WorkspaceError(f"{run_id!r} is no run id", hint="take one of letters, digits, - and _")
        self.run_id = run_id
        self.folder = (root or sessions_root()) / run_id
        self.trouble = ""
        self._unstored: dict[str, str] = {}

    @property
    def checkpoint_path(self) -> Path:
        return self.folder / "checkpoints.sqlite"

    @property
    def journal_path(self) -> Path:
        return self.folder / "journal.jsonl"

    def prepare(self) -> None:
        """Create the folder, readable by its owner alone."""
        try:
            (self.folder / "texts").mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.chmod(0o700)
        except OSError as error:
            self.trouble = f"the run's folder {self.folder} cannot be created: {error.strerror or error}"

    def store_text(self, text: str) -> str:
        """Keep a text and return its reference: the SHA-256 of its UTF-8 bytes, in hex."""
        data = text.encode("utf-8", "replace")
        reference = hashlib.sha256(data).hexdigest()
        path = self.folder / "texts" / reference
        if not path.exists():
            # Parallel steps may store the same text: each writes a file of its own, and the last rename wins.
            try:
                write_atomically(path, data, durable=False)
            except OSError as error:
                self.trouble = (
                    self.trouble or f"the run's folder {self.folder} takes no text: {error.strerror or error}"
                )
                self._unstored[reference] = data.decode("utf-8")
        return reference

    def read_text(self, reference: str) -> str:
        """Return a stored text; an empty one when the file has been removed."""
        if not re.fullmatch(r"[0-9a-f]{64}", reference):
            return ""
        if reference in self._unstored:
            return self._unstored[reference]
        try:
            return (self.folder / "texts" / reference).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
