"""What a file must be before it is put into an output folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from core.errors import ArtifactError
from core.output_marker import MANIFEST_NAME
from core.workspace.checks.acting_files import acts_unasked
from core.workspace.checks.shadowing import hidden_by, shadowed_module
from core.workspace.file_kinds import EMPTY_FILE_NAMES
from core.workspace.files.manifest import WrittenFile


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
    if path.casefold() == MANIFEST_NAME:
        raise ArtifactError("own_file", f"{path} is the record of the output folder", hint="choose another path")
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
