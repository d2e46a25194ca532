"""How a folder that Quintet made is known: by the manifest in it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

MANIFEST_NAME = "manifest.json"
MANIFEST_MARKER = "quintet"
MAX_MANIFEST_BYTES = 4 * 1024 * 1024


def output_folder_around(folder: Path) -> Path | None:
    """Return the folder itself, or the nearest above it, that Quintet made; None when there is none."""
    try:
        inside = folder.absolute()
    except OSError:  # the current folder is gone
        return None
    return next((path for path in (inside, *inside.parents) if _is_made(path / MANIFEST_NAME)), None)


def _is_made(manifest: Path) -> bool:
    try:
        status = manifest.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_MANIFEST_BYTES:
            return False
        document = json.loads(manifest.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("made_by") == MANIFEST_MARKER
