"""The layout follows the plan: its main file is what is run and tested, under the names that the plan has for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from core.workflow.layouts.language import asked_language, is_test_path
from core.workflow.layouts.layout import Layout, arranged, dotted
from core.workflow.layouts.table import load_layouts
from core.workspace.answers.structured import PlannedFile

MAX_PLANNED_TESTS = 4

_ENTRY_STEMS = ("__main__", "main", "cli", "app", "index", "server")
_STARTS = re.compile(
    r"\b(?:entry[- ]?point|command[- ]line|cli\b|starts? the|runs the (?:app|program)|main program|einstieg|kommandozeile"
    r"|point d'entrée|ligne de commande|punto de entrada|línea de comandos)|точка входа|命令行|入口|エントリ|コマンドライン",
    re.IGNORECASE,
)
_OFFERS = re.compile(
    r"re-?export|\bexports?\b|public (?:api|interface|names)|\bapi\b|exposes?|bündelt|exportiert|экспорт|导出|公開",
    re.IGNORECASE,
)
_NO_MAIN = frozenset({"__init__", "setup", "conftest", "noxfile", "tasks"})

_SEVERAL_FILES = re.compile(
    r"\b(?:packages?(?!\.json)|modules|several files|multiple files|separate files|files:|split (?:it )?into|multi-file|full[- ]stack"
    r"|microservices?|paket|module aufgeteilt|mehrere dateien|paquet|modules|plusieurs fichiers|paquete|módulos|varios archivos)\b"
    r"|пакет|модули|модулей|несколько файлов|多个文件|软件包|模块化|几个模块|パッケージ|複数のファイル",
    re.IGNORECASE,
)
_FILE = re.compile(r"(?<![\w.-])(?:[\w-]+/)*[\w-]+(?P<suffix>\.[A-Za-z]{1,5})(?![\w/])")


def needs_several_files(task: str) -> bool:
    """Tell whether a task speaks of more than one file of code: a package, modules, several file names."""
    if _SEVERAL_FILES.search(task):
        return True
    suffixes = load_layouts().languages[asked_language(task) or load_layouts().default].suffixes
    names = {match[0] for match in _FILE.finditer(task) if match["suffix"] in suffixes and not is_test_path(match[0])}
    return len(names) > 1


def layout_of_plan(layout: Layout, planned: Sequence[PlannedFile]) -> Layout:
    """Return the layout of a project whose files are planned; without a file of the language it stays as it is.

    The first file with logic is what tests import; a file that starts the program is what is run. Tests that the plan
    names stand where it has them.
    """
    code = [file for file in planned if layout.makes(file.path) and not is_test_path(file.path)]
    mains = [file for file in code if PurePosixPath(file.path).stem not in _NO_MAIN] or code
    if not mains:
        return layout
    tests = tuple(file.path for file in planned if is_test_file(layout, file.path))[:MAX_PLANNED_TESTS]
    entry = _entry(mains)
    source = _source(layout, code, mains, entry)
    made = arranged(
        layout.key,
        layout.project.replace("-", "_"),
        source,
        entry=entry,
        tests=tests if layout.tests else (),
        module=_package_module(layout, code, source),
        has_folders=any("/" in file.path for file in code),
    )
    kept = {file.path.casefold() for file in planned}
    return replace(made, scaffold=tuple((path, text) for path, text in made.scaffold if path.casefold() not in kept))


def is_test_file(layout: Layout, path: str) -> bool:
    """Tell whether a planned file is a test of the project's language that a runner would collect."""
    name = PurePosixPath(path)
    if not is_test_path(path) or not path.endswith(layout.suffixes):
        return False
    is_python_test = re.fullmatch(r"test_.+|.+_test", name.stem) is not None
    return is_python_test if layout.key == "python" else name.stem not in {"conftest", "setup"}


def _entry(mains: Sequence[PlannedFile]) -> str:
    by_stem = {PurePosixPath(file.path).stem: file.path for file in reversed(mains)}
    if "__main__" in by_stem:
        return by_stem["__main__"]
    told = [file.path for file in mains if _STARTS.search(file.purpose)]
    named = [by_stem[stem] for stem in _ENTRY_STEMS if stem in by_stem]
    both = [path for path in named if path in told]
    return next(iter([*both, *told, *named]), mains[0].path)


def _source(layout: Layout, code: Sequence[PlannedFile], mains: Sequence[PlannedFile], entry: str) -> str:
    """Return the file that tests are written for: the first with logic, and not the one that only starts the program."""
    first = mains[0].path
    paths = {file.path for file in code}
    if layout.key == "rust" and "src/lib.rs" in paths:
        return "src/lib.rs"
    if layout.source in paths:
        return layout.source
    if PurePosixPath(first).stem == "__main__" or (first == entry and PurePosixPath(first).stem == "main"):
        return next((file.path for file in mains if file.path != entry), first)
    return first


def _package_module(layout: Layout, code: Sequence[PlannedFile], source: str) -> str | None:
    """Return the package where its __init__.py is said to offer the names of its modules; None leaves the module."""
    if layout.key != "python":
        return None
    roots = ("src",) if source.startswith("src/") else ("",)
    folder = PurePosixPath(source).parent
    for file in code:
        path = PurePosixPath(file.path)
        if (
            path.name == "__init__.py"
            and path.parent == folder
            and path.parts[0] != path.name
            and _OFFERS.search(file.purpose)
        ):
            return dotted(file.path, roots)
    return None
