"""Package files of JavaScript and PHP: what installing the package, or a tool that reads it, would run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath

from core.text.sanitize import plain_line
from core.workspace.checks.script_dangers import script_danger

INSTALL_SCRIPTS: dict[str, tuple[str, frozenset[str]]] = {
    "package.json": (
        "npm",
        frozenset(
            [
                "preinstall",
                "install",
                "postinstall",
                "preprepare",
                "prepare",
                "postprepare",
                "prepublish",
                "preuninstall",
                "uninstall",
                "postuninstall",
                "dependencies",
            ]
        ),
    ),
    "composer.json": (
        "composer",
        frozenset(
            [
                "pre-install-cmd",
                "post-install-cmd",
                "pre-update-cmd",
                "post-update-cmd",
                "pre-autoload-dump",
                "post-autoload-dump",
                "post-root-package-install",
                "post-create-project-cmd",
            ]
        ),
    ),
}
"""Files whose scripts of these names are run by installing."""

GIT_HOOKS = frozenset({"husky", "simple-git-hooks", "pre-commit", "pre-push", "gitHooks", "ghooks"})
"""Tables of package.json from which a tool makes git run programs."""

TOOL_TABLES = frozenset(
    {"jest", "mocha", "ava", "nyc", "babel", "eslintConfig", "prettier", "stylelint", "postcss", "vitest"}
)
"""Tables of package.json that hold the settings of a tool."""

_CODE_KEYS = frozenset(
    [
        "setupFiles",
        "setupFilesAfterEnv",
        "globalSetup",
        "globalTeardown",
        "testEnvironment",
        "testRunner",
        "runner",
        "reporters",
        "resolver",
        "transform",
        "require",
        "import",
        "loader",
        "file",
        "plugins",
        "presets",
        "extends",
        "parser",
        "processors",
    ]
)
"""Settings of such a tool that name what it loads."""

_OF_THIS_FOLDER = (".", "/", "<rootDir>")


def package_acts(path: str, text: str) -> str | None:
    """Return what a package file makes tools run unasked, or None."""
    found = INSTALL_SCRIPTS.get(PurePosixPath(path.casefold()).name)
    if found is None:
        return None
    tool, names = found
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    scripts = document.get("scripts")
    scripts = scripts if isinstance(scripts, dict) else {}
    if acting := sorted(names.intersection(scripts)):
        return f"{tool} runs its script {acting[0]!r} whenever it is installed"
    if tool == "npm" and (loading := _loaded_by_tools(document)) is not None:
        return loading
    danger = script_danger("scripts.sh", "\n".join(map(str, scripts.values())))
    return f"one of its scripts {plain_line(danger, limit=200)}" if danger else None


def _loaded_by_tools(document: dict[str, object]) -> str | None:
    if hooks := sorted(GIT_HOOKS.intersection(document)):
        return f"its table {hooks[0]!r} makes git run programs"
    for table in sorted(TOOL_TABLES.intersection(document)):
        settings = document[table]
        if isinstance(settings, str) and settings.startswith(_OF_THIS_FOLDER):
            return f"{table} loads {plain_line(settings, limit=80)} when it starts"
        for key, value in settings.items() if isinstance(settings, dict) else ():
            code = next((name for name in _texts(value) if name.startswith(_OF_THIS_FOLDER)), None)
            if key in _CODE_KEYS and code is not None:
                return f"{table} loads {plain_line(code, limit=80)} when it starts"
    return None


def _texts(value: object) -> Iterator[str]:
    """Yield the texts of a setting: itself, those in a list, and those on the right of a table; no deeper than two levels."""
    level = [value]
    for _ in range(3):
        yield from (entry for entry in level if isinstance(entry, str))
        inner = (
            list(entry.values()) if isinstance(entry, dict) else entry for entry in level if not isinstance(entry, str)
        )
        level = [entry for entries in inner if isinstance(entries, list) for entry in entries]
