"""Which version of an installed distribution is here."""

from __future__ import annotations

import importlib.metadata


def installed_version(distribution: str) -> str:
    """Return the version; an empty text if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""
