"""What is said of an output folder that cannot be used, by the system's reason."""

from __future__ import annotations

import errno
from pathlib import Path

from core.errors import WorkspaceError
from core.workspace.files.tree import shown_root

_REASONS = {
    errno.EACCES: ("is not writable", "choose another folder or change its permissions"),
    errno.EPERM: ("is not writable", "choose another folder or change its permissions"),
    errno.EROFS: ("is on a read-only filesystem", "choose another folder with --output or OUTPUT_DIR"),
    errno.ENOSPC: ("is on a full disk", "free some space"),
    errno.EDQUOT: ("is over its disk quota", "free some space"),
    errno.ENAMETOOLONG: ("has a name that is too long", "choose a shorter one"),
    errno.ENOTDIR: ("is not a folder: a part of its path is a file", "choose another folder"),
    errno.ENOENT: ("cannot be made there", "choose another folder with --output or OUTPUT_DIR"),
    errno.ELOOP: ("leads in a circle of symbolic links", "choose another folder"),
}


def unusable(root: Path, why: str, hint: str) -> WorkspaceError:
    """Return the fault of a folder that cannot be used."""
    return WorkspaceError(f"the output folder {shown_root(root)} {why}", hint=hint)


def unusable_because(root: Path, error: Exception) -> WorkspaceError:
    """Return the fault of a folder that the system, or Python, refused."""
    code = error.errno if isinstance(error, OSError) else None
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    why, hint = _REASONS.get(code or 0, (f"cannot be used: {reason}", "choose another folder"))
    return unusable(root, why, hint)
