"""Files on which a tool acts without being asked, and modules that hide others; each with the reason."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from core.workspace.checks.package_files import package_acts
from core.workspace.checks.script_dangers import script_danger

_SHELL_START = "a shell runs it when it starts"
_EDITOR_OPENS = "an editor obeys it when the folder is opened"
_AGENT_OPENS = "an AI tool obeys it when the folder is opened"
_PACKAGES = "it changes where a package manager takes packages from, and what it runs"
_PYTHON_START = "Python runs it at every start"
_BUILD = "a build reads it without being told to"
_DEBUGGER = "a debugger or interpreter runs it when it starts"
_GIT = "git obeys it, and it can name programs to run"
_DESKTOP = "a desktop runs it, or shows it as something else"
_PROGRAMS = "tools run the programs in it"
_TOOL_START = "a tool of JavaScript runs it when it starts"
_LINT_START = "a linter or test runner obeys it when it starts, and it can name code to load"

_CONFIGURED_BY_CODE = (
    "ava", "astro", "babel", "commitlint", "cypress", "eslint", "graphql", "jest", "lint-staged", "metro", "next", "nuxt",
    "playwright", "postcss", "prettier", "quasar", "react-router", "remix", "rolldown", "rollup", "rsbuild", "rspack",
    "snowpack", "stylelint", "svelte", "tailwind", "tsup", "uno", "vite", "vitest", "vue", "webpack*", "windi",
)  # fmt: skip

ACTING_NAMES: tuple[tuple[str, str], ...] = (
    (".envrc", "direnv runs it when a shell enters the folder"),
    (".autoenv*", "autoenv runs it when a shell enters the folder"),
    ("mise.toml", "mise obeys it when a shell enters the folder"),
    (".mise*.toml", "mise obeys it when a shell enters the folder"),
    (".bashrc", _SHELL_START),
    (".bash_*", _SHELL_START),
    (".profile", _SHELL_START),
    (".zsh*", _SHELL_START),
    (".zlog*", _SHELL_START),
    (".zprofile", _SHELL_START),
    (".inputrc", _SHELL_START),
    (".tmux.conf", _SHELL_START),
    (".screenrc", _SHELL_START),
    ("conftest.py", "pytest runs it before every test"),
    ("sitecustomize.*", _PYTHON_START),
    ("usercustomize.*", _PYTHON_START),
    ("*.pth", _PYTHON_START),
    ("*.egg-link", _PYTHON_START),
    ("pyvenv.cfg", "it makes the folder an environment whose programs tools run"),
    (".npmrc", _PACKAGES),
    (".yarnrc*", _PACKAGES),
    (".pnpmfile.*", _PACKAGES),
    (".pnp.*", "Node loads it in the place of packages"),
    ("bunfig.toml", _PACKAGES),
    ("binding.gyp", "npm builds what it says whenever the package is installed"),
    *((f"{tool}.config.*", _TOOL_START) for tool in _CONFIGURED_BY_CODE),
    ("webpack.*.*js", _TOOL_START),
    ("vitest.workspace.*", _TOOL_START),
    ("jest.setup.*", _TOOL_START),
    ("karma.conf.*", _TOOL_START),
    ("wdio.conf.*", _TOOL_START),
    (".babelrc*", _TOOL_START),
    (".eslintrc*", _TOOL_START),
    (".mocharc*", _TOOL_START),
    (".nycrc*", _TOOL_START),
    (".postcssrc*", _TOOL_START),
    (".stylelintrc*", _TOOL_START),
    (".prettierrc.*[jt]s", _TOOL_START),
    (".lintstagedrc*", _GIT),
    (".huskyrc*", _GIT),
    (".pylintrc*", _LINT_START),
    ("pylintrc", _LINT_START),
    (".luacheckrc", _LINT_START),
    (".rubocop.y*ml", _LINT_START),
    (".rspec", _LINT_START),
    (".php-cs-fixer*.php", _LINT_START),
    ("pip.conf", _PACKAGES),
    ("pip.ini", _PACKAGES),
    (".pypirc", _PACKAGES),
    (".netrc", "it sends its credentials to servers"),
    (".curlrc", "every curl obeys it"),
    (".wgetrc", "every wget obeys it"),
    ("nuget.config", _PACKAGES),
    (".gemrc", _PACKAGES),
    (".condarc", _PACKAGES),
    (".gitattributes", _GIT),
    (".gitmodules", _GIT),
    (".gitconfig", _GIT),
    (".lfsconfig", _GIT),
    (".pre-commit-config.yaml", _GIT),
    ("lefthook.y*ml", _GIT),
    ("*.code-workspace", _EDITOR_OPENS),
    (".vimrc", _EDITOR_OPENS),
    (".exrc", _EDITOR_OPENS),
    (".nvimrc", _EDITOR_OPENS),
    (".nvim.lua", _EDITOR_OPENS),
    (".dir-locals.el", _EDITOR_OPENS),
    (".sublime-*", _EDITOR_OPENS),
    (".mcp.json", _AGENT_OPENS),
    (".cursorrules", _AGENT_OPENS),
    (".windsurfrules", _AGENT_OPENS),
    (".clinerules", _AGENT_OPENS),
    ("directory.build.*", _BUILD),
    ("directory.packages.props", _BUILD),
    (".bazelrc", _BUILD),
    ("*.user.ini", "PHP obeys it, and it can name a file to run first"),
    (".user.ini", "PHP obeys it, and it can name a file to run first"),
    (".gdbinit", _DEBUGGER),
    (".lldbinit*", _DEBUGGER),
    (".pdbrc*", _DEBUGGER),
    (".pythonrc*", _DEBUGGER),
    (".rprofile", _DEBUGGER),
    (".irbrc", _DEBUGGER),
    (".pryrc", _DEBUGGER),
    (".psqlrc", _DEBUGGER),
    (".sqliterc", _DEBUGGER),
    ("autorun.inf", _DESKTOP),
    ("desktop.ini", _DESKTOP),
    ("*.desktop", _DESKTOP),
    ("*.lnk", _DESKTOP),
    ("*.url", _DESKTOP),
    ("*.scf", _DESKTOP),
    ("*.webloc", _DESKTOP),
)
"""Patterns of file names, in any folder and any case."""

ACTING_FOLDERS: tuple[tuple[str, str], ...] = (
    (".vscode", _EDITOR_OPENS),
    (".vscode-*", _EDITOR_OPENS),
    (".idea", _EDITOR_OPENS),
    (".vs", _EDITOR_OPENS),
    (".fleet", _EDITOR_OPENS),
    (".zed", _EDITOR_OPENS),
    (".devcontainer", _EDITOR_OPENS),
    (".vim", _EDITOR_OPENS),
    (".claude", _AGENT_OPENS),
    (".cursor", _AGENT_OPENS),
    (".gemini", _AGENT_OPENS),
    (".codex", _AGENT_OPENS),
    (".husky", _GIT),
    (".githooks", _GIT),
    (".hg", "Mercurial obeys it, and it can name programs to run"),
    (".svn", "Subversion obeys it"),
    (".cargo", _BUILD),
    (".mvn", _BUILD),
    (".bundle", _PACKAGES),
    (".yarn", _PACKAGES),
    (".pip", _PACKAGES),
    (".direnv", "direnv runs it when a shell enters the folder"),
    (".mise", "mise obeys it when a shell enters the folder"),
    (".ipython", _DEBUGGER),
    (".venv", _PROGRAMS),
    ("venv", _PROGRAMS),
    ("node_modules", "Node loads it in the place of real packages"),
    ("sitecustomize", _PYTHON_START),
    ("usercustomize", _PYTHON_START),
    ("site-packages", _PYTHON_START),
    ("__pycache__", "Python runs it in the place of the source beside it"),
)
"""Patterns of folders on the way to a file."""

PYTEST_SETTINGS = frozenset({"pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"})
"""Files that may hold options of every test run."""

_ADDED_OPTIONS = re.compile(r"^[ \t]*addopts[ \t]*=(.*(?:\n[ \t]+\S.*|\n[ \t]*[\"'\]].*)*)", re.MULTILINE)
_TELLING_OPTION = re.compile(
    r"(?:^|[\s\"'\[,=])(-[pkmco](?![\w-]{2,})|--(?:ignore|ignore-glob|deselect|co|collect-only|rootdir|confcutdir|override-ini"
    r"|pyargs|lf|last-failed|noconftest|maxfail)(?![\w-]))"
)


def acting_name(path: str) -> str | None:
    """Return what acts on a file because of where it is, or None."""
    folded = PurePosixPath(path.casefold())
    by_folder = (_first(ACTING_FOLDERS, folder) for folder in folded.parts[:-1])
    return _first(ACTING_NAMES, folded.name) or next(filter(None, by_folder), None)


def acts_unasked(path: str, text: str) -> str | None:
    """Return why a file may not be put where it belongs before the user has seen it, or None."""
    return acting_name(path) or package_acts(path, text) or _test_options(path, text) or script_danger(path, text)


def _first(table: Iterable[tuple[str, str]], name: str) -> str | None:
    return next((why for pattern, why in table if fnmatchcase(name, pattern)), None)


def _test_options(path: str, text: str) -> str | None:
    """Return what settings of pytest would do to every test run, or None."""
    if PurePosixPath(path.casefold()).name not in PYTEST_SETTINGS:
        return None
    for options in _ADDED_OPTIONS.finditer(text):
        found = _TELLING_OPTION.search(options[1])
        if found is not None:
            return f"pytest obeys its option {found[1]} at every run, which loads code or leaves tests out"
    return None


TEST_RUNNER_MODULES = frozenset(
    {"pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "coverage", "hypothesis"}
)
"""What a test run imports besides the standard library: with one of these in its folder, no test proves anything."""

_HARMLESS = frozenset({"test", "tests"})  # a folder of tests is called so everywhere, and nothing imports Python's own
_SOURCE_ROOTS = frozenset({"src", "scripts", "bin", "tests", "test"})
_MODULE_SUFFIXES = frozenset({".py", ".pyi", ".pyc", ".pyw", ".so", ".pyd"})


def is_taken_name(module: str) -> bool:
    """Tell whether a module of that name, found first, would replace one that other code relies on."""
    name = module.casefold()
    if name in _HARMLESS:
        return False
    return name in sys.stdlib_module_names or module in sys.stdlib_module_names or name in TEST_RUNNER_MODULES


def hidden_by(path: str, module: str) -> str:
    """Return in words what a file of that path would do."""
    return f"{path} would be imported in the place of {module}, on which Python or the tests rely"


def shadowed_module(path: str) -> str | None:
    """Return the module that a file at `path` would hide, or None.

    A file hides a module if it is found from a folder that Python searches: the output folder itself, and those from
    which programs and tests are started. Inside a package a name such as types.py hides nothing.
    """
    name = PurePosixPath(path)
    if name.suffix.casefold() not in _MODULE_SUFFIXES:
        return None
    parts = [*name.parts[:-1], name.name.split(".", 1)[0]]
    while len(parts) > 1 and parts[0].casefold() in _SOURCE_ROOTS:
        parts = parts[1:]
    return parts[0] if is_taken_name(parts[0]) else None
