"""What becomes of a documented command, by the program that it starts."""

from __future__ import annotations

import re
from collections.abc import Mapping

_GROUPS: Mapping[str, str] = {
    "it installs packages, which needs a network": (
        "pip pip3 pipx uv uvx poetry pdm hatch conda mamba pipenv virtualenv pyenv npm npx yarn pnpm bun deno gem bundle "
        "composer apt apt-get brew dnf yum pacman apk snap choco winget scoop"
    ),
    "it needs a network": "git gh curl wget ssh scp rsync ping nc telnet",
    "it needs a container engine": "docker docker-compose podman kubectl helm minikube",
    "it changes the reader's machine": "sudo su doas systemctl service crontab useradd launchctl terraform ansible aws gcloud az",
    "it changes the reader's own shell": "source . alias unset conda-activate deactivate activate",
    "it opens a window or an editor": "open xdg-open start explorer code vim vi nano emacs less more man top htop watch",
    "it is a server, which does not end": (
        "uvicorn gunicorn hypercorn daphne flask streamlit jupyter celery django-admin nginx redis-server"
    ),
    "what it builds is not tried": (
        "cargo rustc rustup go make cmake gcc g++ clang javac java mvn gradle ruby php perl tsc dotnet swift"
    ),
    "it is a tool of developers, which is not part of the project": (
        "ruff black mypy flake8 pylint isort tox nox coverage pre-commit twine bandit eslint prettier shellcheck"
    ),
}

NOT_TRIED: Mapping[str, str] = {program: why for why, programs in _GROUPS.items() for program in programs.split()}
"""Programs that are never started for a README, and why."""

PYTHONS = frozenset({"python", "python3"})
SHELLS = frozenset({"bash", "sh", "zsh", "dash"})
TEST_TOOLS = frozenset({"pytest", "py.test"})
_FILE_TOOLS = (
    "echo printf cat ls mkdir touch cp mv rm head tail wc sort uniq grep sed awk diff cmp tr cut seq true false tee xargs "
    "find date chmod test pwd sleep basename dirname sqlite3 jq which mktemp export set exit"
)
FILE_TOOLS = frozenset(_FILE_TOOLS.split())
SHELL_WORDS: Mapping[str, str] = {"for": "done", "while": "done", "until": "done", "if": "fi", "case": "esac"}
"""Words that begin a loop or a condition of the shell, and those that end it."""

PREFIXES = frozenset({"time", "env", "command", "exec", "nohup"})
"""Words before a program that change nothing about which one it is."""

TOOL_MODULES = frozenset(
    {"black", "build", "coverage", "flake8", "isort", "mypy", "nox", "pylint", "ruff", "tox", "twine"}
)
INSTALLING_MODULES = frozenset({"ensurepip", "pip", "venv", "virtualenv"})
SERVING_MODULES = frozenset({"flask", "gunicorn", "http.server", "hypercorn", "streamlit", "uvicorn"})

_CLEAR = PYTHONS | TEST_TOOLS | {"bash", "sh", "node", "py"}
"""Words that hardly begin a sentence, or the output of a program."""

_ALSO_CLEAR = frozenset({"pip", "pip3", "npm", "npx", "docker", "cargo", "uv", "uvx", "curl", "wget", "git", "sudo"})
_VERSIONED = re.compile(r"python3?\.\d+|py")


def is_program(word: str) -> bool:
    """Return whether a word is the name of a program that is known here, whatever becomes of it."""
    known = PYTHONS | SHELLS | TEST_TOOLS | FILE_TOOLS | PREFIXES | {"node", "cd", "export"}
    return word in known | SHELL_WORDS.keys() | NOT_TRIED.keys() or word.startswith("./") or is_other_python(word)


def is_clearly_program(word: str) -> bool:
    """Return whether a line that begins with a word is a command wherever it stands."""
    return word in _CLEAR | _ALSO_CLEAR or (word.startswith("./") and len(word) > len("./")) or is_other_python(word)


def is_other_python(word: str) -> bool:
    """Return whether a word asks for a Python by its version, or for the one of Windows."""
    return _VERSIONED.fullmatch(word) is not None
