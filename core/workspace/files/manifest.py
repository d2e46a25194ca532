"""manifest.json: which files Quintet made in a folder, by whom, in which run and version, and what was refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from core.errors import ArtifactError
from core.kinds import ArtifactFaultKind
from core.system.path_state import MANIFEST_MARKER, MANIFEST_NAME, MAX_MANIFEST_BYTES, OWN_NAMES
from core.text.sanitize import plain_line, strip_controls
from core.workspace.checks.acting_files import acts_unasked, hidden_by, shadowed_module
from core.workspace.file_kinds import EMPTY_FILE_NAMES
from core.workspace.files.paths import safe_relative_path
from core.workspace.files.tree import OpenFolder, open_folder

MAX_REJECTED = 200
MAX_NOTE_CHARS = 300
MAX_TASK_CHARS = 4000
MAX_WORD_CHARS = 100
MAX_NAMED = 5

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that Quintet wrote; `version` counts from 1, earlier ones are kept under .quintet/versions/.

    Attributes:
        status: ok; or missing, when it had gone before its run ended.
        run_id: the run that wrote it.
        kept: where the file that was there is kept, if it was not the one that Quintet had written; else empty.
        ignored: what else stood in the answer and was not taken, a line each.
        planned_as: how the plan named it, if that had to be made portable; else empty.
    """

    path: str
    sha256: str
    bytes: int
    version: int
    role: str
    agent: str
    round: int
    status: str
    run_id: str = ""
    kept: str = ""
    ignored: tuple[str, ...] = ()
    planned_as: str = ""


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """A file that was not put where it belongs, why, and the rule that it broke.

    Attributes:
        asked_again: that was not the last word on it.
        held: where it is kept until the user has seen it; empty when it was not written at all.
    """

    path: str
    why: str
    rule: ArtifactFaultKind = "invalid"
    asked_again: bool = False
    held: str = ""


@dataclass(slots=True)
class Manifest:
    """The record of one output folder; `refused_paths` is what a manifest from disk named and cannot be a file of ours."""

    run_id: str = ""
    task: str = ""
    workflow: str = ""
    files: dict[str, WrittenFile] = field(default_factory=dict)
    rejected: list[RejectedFile] = field(default_factory=list)
    refused_paths: tuple[str, ...] = ()

    def begin_run(self, *, run_id: str, task: str, workflow: str) -> tuple[str, ...]:
        """Make what follows this run's, and return what there is to say of what was there before it."""
        notes = []
        if others := sum(entry.run_id != run_id for entry in self.files.values()):
            count = f"{others} file{'s' if others > 1 else ''}"
            notes.append(
                f"the output folder holds {count} of an earlier run: not shown to the team, not counted as its own"
            )
        if self.refused_paths:
            shown = ", ".join(map(repr, self.refused_paths[:MAX_NAMED]))
            notes.append(f"the folder's {MANIFEST_NAME} names what cannot be a file of ours; left out: {shown}")
        self.run_id, self.task, self.workflow = run_id, task, workflow
        self.rejected = []  # what an earlier run was refused is not this one's
        return tuple(notes)

    def reject(self, entry: RejectedFile) -> None:
        """Add a refused file; the oldest entries go first once there are too many."""
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


def read_manifest(opened: OpenFolder) -> Manifest | None:
    """Return the manifest in an open folder, or None when there is none, it is a link, or Quintet did not make it."""
    try:
        document = json.loads(opened.read(MANIFEST_NAME, limit_bytes=MAX_MANIFEST_BYTES))
        return _from_json(document)
    except (OSError, ArtifactError, ValueError, TypeError, KeyError, RecursionError):
        return None


def is_ours(root: Path) -> bool:
    """Tell whether Quintet made this folder: it has a manifest with our marker."""
    try:
        with open_folder(root, (), create=False) as opened:
            return read_manifest(opened) is not None
    except OSError:
        return False


def _from_json(document: Any) -> Manifest | None:  # whatever the file on disk holds
    if not isinstance(document, dict) or document.get("made_by") != MANIFEST_MARKER:
        return None
    run_id = _word(document.get("run_id", ""))
    files: dict[str, WrittenFile] = {}
    refused: list[str] = []
    for item in document["files"]:
        entry = _entry(item, run_id)
        if _may_be_ours(entry):
            files[entry.path] = entry
        else:
            refused.append(plain_line(entry.path, limit=MAX_WORD_CHARS))
    return Manifest(
        run_id=run_id,
        task=str(document.get("task", "")),
        workflow=_word(document.get("workflow", "")),
        files=files,
        refused_paths=tuple(refused),
    )


def _may_be_ours(entry: WrittenFile) -> bool:
    """Tell whether Quintet could have written such an entry; the folder may come from somebody else."""
    try:
        is_path = str(safe_relative_path(entry.path)) == entry.path and entry.path.casefold() not in OWN_NAMES
    except ArtifactError:
        return False
    numbers = (entry.bytes, entry.version, entry.round)
    return is_path and _SHA256.fullmatch(entry.sha256) is not None and min(numbers) >= 0


def _entry(item: dict[str, Any], run_id: str) -> WrittenFile:
    return WrittenFile(
        path=str(item["path"]),
        sha256=str(item["sha256"]),
        bytes=int(item["bytes"]),
        version=int(item["version"]),
        role=_word(item["role"]),
        agent=_word(item["agent"]),
        round=int(item["round"]),
        status=_word(item["status"]),
        run_id=_word(item.get("run_id", run_id)),
        kept=plain_line(str(item.get("kept", "")), limit=MAX_NOTE_CHARS),
        ignored=tuple(plain_line(str(line), limit=MAX_NOTE_CHARS) for line in item.get("ignored", ())),
        planned_as=plain_line(str(item.get("planned_as", "")), limit=MAX_NOTE_CHARS),
    )


def _word(value: object) -> str:
    return plain_line(str(value), limit=MAX_WORD_CHARS)


def check_acceptable(
    name: PurePosixPath,
    text: str,
    known: Mapping[str, WrittenFile],
    *,
    run_id: str,
    max_files: int,
    max_file_bytes: int,
) -> None:
    """Raise ArtifactError with the rule that a file breaks.

    `known` are the files that Quintet has made in the folder; those of this run are limited in number.
    """
    path = str(name)
    size = len(text.encode())
    if path.casefold() in OWN_NAMES:
        raise ArtifactError("own_file", f"{path} is a record of the output folder", hint="choose another path")
    if not text.strip() and name.name not in EMPTY_FILE_NAMES:
        raise ArtifactError("empty", f"{path} would be empty", hint="ask for the file again")
    if size > max_file_bytes:
        raise ArtifactError("too_large", f"{path} has {size} bytes; the limit is {max_file_bytes}")
    others = sum(entry.run_id == run_id for other, entry in known.items() if other != path)
    if others >= max_files:
        raise ArtifactError("too_many", f"{path} would be file number {others + 1}; the limit is {max_files}")
    twin = next((other for other in known if other != path and other.casefold() == path.casefold()), None)
    if twin is not None:
        raise ArtifactError("same_name", f"{path} and {twin} are one file on many systems", hint=f"use {twin}")
    if module := shadowed_module(path):
        raise ArtifactError("shadows", hidden_by(path, module), hint="choose another name")
    if reason := acts_unasked(path, text):
        raise ArtifactError("acts", f"{path}: {reason}", hint="it has to be seen by the user first")
