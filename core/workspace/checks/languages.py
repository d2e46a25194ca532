"""Which words after a fence mean which kind of file."""

from __future__ import annotations

from pathlib import PurePosixPath

CHECKED_SUFFIXES = frozenset({".py", ".pyi", ".json", ".toml"})
"""Files whose parser is cheap and strict enough to tell a whole text from half of one."""

_BY_SUFFIX: dict[str, frozenset[str]] = {
    suffix: frozenset(names.split())
    for suffix, names in {
        ".py": "python py python3 py3",
        ".pyi": "python py pyi",
        ".js": "javascript js jsx node",
        ".mjs": "javascript js mjs",
        ".ts": "typescript ts",
        ".tsx": "tsx typescript ts",
        ".jsx": "jsx javascript js",
        ".json": "json jsonc json5",
        ".yaml": "yaml yml",
        ".yml": "yaml yml",
        ".toml": "toml",
        ".ini": "ini cfg conf",
        ".cfg": "ini cfg conf",
        ".sh": "bash sh shell zsh console",
        ".bash": "bash sh shell",
        ".md": "markdown md",
        ".html": "html htm xml",
        ".css": "css scss",
        ".sql": "sql sqlite postgresql mysql",
        ".rs": "rust rs",
        ".go": "go golang",
        ".rb": "ruby rb",
        ".java": "java",
        ".c": "c",
        ".h": "c cpp c++",
        ".cpp": "cpp c++ cxx",
        ".cs": "csharp c# cs",
        ".php": "php",
        ".dockerfile": "dockerfile docker",
        ".txt": "text txt plaintext",
    }.items()
}
KNOWN_SUFFIXES = frozenset(_BY_SUFFIX)
_BY_NAME: dict[str, frozenset[str]] = {
    "dockerfile": frozenset({"dockerfile", "docker"}),
    "containerfile": frozenset({"dockerfile", "docker", "containerfile"}),
    "makefile": frozenset({"makefile", "make"}),
}


def languages_of(path: PurePosixPath) -> frozenset[str]:
    """Return the fence languages that fit a path; none for an unknown kind."""
    by_suffix = _BY_SUFFIX.get(path.suffix.lower())
    if by_suffix is not None:
        return by_suffix
    by_name = _BY_NAME.get(path.name.casefold().split(".", 1)[0])
    return by_name or frozenset({path.suffix.lower().lstrip(".")}) - {""}
