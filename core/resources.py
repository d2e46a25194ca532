"""The shipped data files, found in a source checkout, an editable install and a wheel alike."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


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


def users_yaml_files(prompts_dir: Path | None, kind: str) -> list[Path]:
    """Return the YAML files of a folder of the user's, such as `prompts_dir`/agents, sorted; none where there is none.

    Pipes and devices are left out: reading them might never end.
    """
    if prompts_dir is None:
        return []
    found = (prompts_dir / kind).glob("*.yaml")
    return sorted(path for path in found if not (path.is_fifo() or path.is_char_device()))
