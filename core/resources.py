"""The shipped data files, found in a source checkout, an editable install and a wheel alike."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable


def shipped_folder(package: str, *parts: str) -> Traversable:
    """Return a folder of shipped data, such as `shipped_folder("prompts", "agents")`."""
    folder: Traversable = files(package)
    for part in parts:
        folder = folder / part
    return folder


def shipped_yaml_files(package: str, *parts: str) -> list[Traversable]:
    """Return the YAML files of a shipped folder, sorted by name."""
    entries = [entry for entry in shipped_folder(package, *parts).iterdir() if entry.name.endswith(".yaml")]
    return sorted(entries, key=lambda entry: entry.name)
