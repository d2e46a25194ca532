"""Says where a file is as shortly as it can be said from here."""

from __future__ import annotations

from pathlib import Path


def shown_path(path: str | Path) -> str:
    """Return a path relative to the working folder when it is inside, with ~ inside the home folder, else as it is."""
    given = Path(path)
    for base, sign in ((Path.cwd(), ""), (Path.home(), "~")):
        if given.is_absolute() and given.is_relative_to(base):
            return str(Path(sign, given.relative_to(base)))
    return str(given)
