"""manifest.json: which files Quintet made in a folder, by whom, in which version, and what was refused."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.errors import ArtifactError
from core.text.sanitize import plain_line, strip_controls
from core.workspace.files.tree import open_folder

MANIFEST_NAME = "manifest.json"
MANIFEST_MARKER = "quintet"
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_REJECTED = 200
MAX_WHY_CHARS = 300
MAX_TASK_CHARS = 4000


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that is on the disk; `version` counts from 1, earlier ones are kept under .quintet/versions/."""

    path: str
    sha256: str
    bytes: int
    version: int
    role: str
    agent: str
    round: int
    status: str


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """A file that was not written, and why."""

    path: str
    why: str


@dataclass(slots=True)
class Manifest:
    """The record of one output folder."""

    run_id: str = ""
    task: str = ""
    workflow: str = ""
    files: dict[str, WrittenFile] = field(default_factory=dict)
    rejected: list[RejectedFile] = field(default_factory=list)

    def reject(self, path: str, why: str) -> None:
        """Add a refused file; the oldest entries go first once there are too many."""
        entry = RejectedFile(plain_line(path, limit=200), plain_line(why, limit=MAX_WHY_CHARS))
        if entry not in self.rejected:
            self.rejected = [*self.rejected, entry][-MAX_REJECTED:]

    def to_json(self) -> str:
        document = {
            "made_by": MANIFEST_MARKER,
            "format": 1,
            "run_id": self.run_id,
            "task": strip_controls(self.task)[:MAX_TASK_CHARS],
            "workflow": self.workflow,
            "files": [asdict(entry) for _, entry in sorted(self.files.items())],
            "rejected": [asdict(entry) for entry in self.rejected],
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def load_manifest(root: Path) -> Manifest | None:
    """Return the manifest in `root`, or None when there is none, it is a link, or Quintet did not make it."""
    try:
        with open_folder(root, (), create=False) as opened:
            document = json.loads(opened.read(MANIFEST_NAME, limit_bytes=MAX_MANIFEST_BYTES))
        return _from_json(document)
    except (OSError, ArtifactError, ValueError, TypeError, KeyError, RecursionError):
        return None


def is_ours(root: Path) -> bool:
    """Tell whether Quintet made this folder: it has a manifest with our marker."""
    return load_manifest(root) is not None


def _from_json(document: Any) -> Manifest | None:  # whatever the file on disk holds
    if not isinstance(document, dict) or document.get("made_by") != MANIFEST_MARKER:
        return None
    files = [_entry(item) for item in document["files"]]
    rejected = [RejectedFile(str(item["path"]), str(item["why"])) for item in document.get("rejected", [])]
    return Manifest(
        run_id=str(document.get("run_id", "")),
        task=str(document.get("task", "")),
        workflow=str(document.get("workflow", "")),
        files={entry.path: entry for entry in files},
        rejected=rejected,
    )


def _entry(item: dict[str, Any]) -> WrittenFile:
    return WrittenFile(
        path=str(item["path"]),
        sha256=str(item["sha256"]),
        bytes=int(item["bytes"]),
        version=int(item["version"]),
        role=str(item["role"]),
        agent=str(item["agent"]),
        round=int(item["round"]),
        status=str(item["status"]),
    )
