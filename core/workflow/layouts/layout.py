"""Where a project's files go and how they run: decided by the engine, from the task and then from the plan."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from string import Template

from core.errors import ArtifactError
from core.workflow.layouts.language import asked_language, is_test_path, named_source
from core.workflow.layouts.names import UNNAMED, module_of
from core.workflow.layouts.table import LanguageLayout, LayoutKind, RunnerName, load_layouts
from core.workspace.checks.acting_files import acting_name, shadowed_module
from core.workspace.files.listing import read_sources
from core.workspace.files.paths import portable_path, safe_relative_path

LISTED_SOURCE_BYTES = 200_000

_PROGRAM = re.compile(
    r"\b(?:program|cli|command[- ]line|tool|app|prints?|script|programm|werkzeug|programme|outil|programa|herramienta)\b"
    r"|программ|утилит|程序|工具|プログラム|ツール",
    re.IGNORECASE,
)
_LIBRARY = re.compile(
    r"\b(?:function|library|crate|method|struct|trait|funktion|fonction|función)\b|функци|函数|関数", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths and commands of one project; all paths are relative to the output folder.

    Attributes:
        key: the row of prompts/layouts.yaml; `language` is its title.
        module: what tests import, dotted inside a package.
        source: the file with the logic that tests are written for.
        entry: the file that starts the program; often the same.
        tests: the test files; none for what is no program. `test` is the first.
        import_roots: folders in which imports begin; "" is the output folder itself.
        scaffold: files that the language's tools want beside the code, with their text: the engine makes them.
        runner: the test tool that Quintet can execute, or None: then nothing is proven by tests.
    """

    key: str
    language: str
    kind: LayoutKind
    project: str
    module: str
    source: str
    entry: str
    tests: tuple[str, ...]
    run_command: str
    test_command: str
    suffixes: tuple[str, ...]
    import_roots: tuple[str, ...] = ("",)
    scaffold: tuple[tuple[str, str], ...] = ()
    runner: RunnerName | None = None

    @property
    def test(self) -> str:
        return self.tests[0] if self.tests else ""

    def makes(self, path: str) -> bool:
        """Tell whether a file is of the language: by its suffix, or by the whole name for what has none."""
        return path.endswith(self.suffixes) or PurePosixPath(path).name in load_layouts().languages[self.key].names


def layout_of(task: str, source_folder: Path | None) -> Layout:
    """Return the layout of a run; in an existing folder, the file the task names, or the only one, is the source."""
    plain = layout_for(task)
    if source_folder is None:
        return plain
    paths = [path for path, _ in read_sources(source_folder, LISTED_SOURCE_BYTES).files]
    code = [path for path in paths if not is_test_path(path)]
    # What tests share is no test itself: who names it means it.
    nameable = [*code, *(path for path in paths if Path(path).name == "conftest.py")]
    named = [path for path in nameable if _names(task, path) or _names(task, Path(path).name)]
    own = [path for path in code if path.endswith(plain.suffixes)]
    if named:
        plain = layout_for(task, source=named[0])
    elif len(own) == 1:
        plain = layout_for(task, source=own[0])
    return replace(plain, tests=tuple(_not_taken(path, paths) for path in plain.tests))


def asks_for_program(task: str) -> bool:
    """Tell whether a task asks for something that is started, and not for a function or a library."""
    return _PROGRAM.search(task) is not None and _LIBRARY.search(task) is None


def _not_taken(path: str, taken: Sequence[str]) -> str:
    """Return a name for a test file beside those of the user's: none of them is replaced."""
    name = PurePosixPath(path)
    stem, _, rest = name.name.partition(".")
    while str(name) in taken:
        stem = f"{stem}_regression"
        name = name.with_name(f"{stem}.{rest}")
    return str(name)


def layout_for(task: str, *, source: str | None = None) -> Layout:
    """Return the layout the task asks for; `source` overrides the main file, and its suffix the language."""
    layouts = load_layouts()
    if source is not None:
        key = layouts.by_suffix(PurePosixPath(source).suffix) or asked_language(task) or layouts.default
        return arranged(key, module_of(task), source, is_given=True)
    key = asked_language(task) or layouts.default
    language = layouts.languages[key]
    project = module_of(task)
    named = named_source(task, language.suffixes)
    if named is not None and _can_be_made(named):
        return arranged(key, project if project != UNNAMED else _identifier(PurePosixPath(named).stem), named)
    module = project if project.isascii() or not language.ascii_names else UNNAMED
    template = language.program if language.program and _is_program(task) else language.source
    subject = _without_kind(module, language)
    return arranged(key, project, Template(template).substitute(module=module, subject=subject))


def arranged(
    key: str,
    project: str,
    source: str,
    *,
    entry: str | None = None,
    tests: tuple[str, ...] = (),
    module: str | None = None,
    has_folders: bool = False,
    is_given: bool = False,
) -> Layout:
    """Return the layout of a language around its main file.

    Tests stand beside the code, or in the language's folder for tests where the code stands in folders; in a folder of
    the user's (`is_given`) they stand beside it.
    """
    language = load_layouts().languages[key]
    roots = ("src",) if key == "python" and source.startswith("src/") else ("",)
    leaf = leaf_of(source, project, language)
    module = module or (dotted(source, roots) if key == "python" else leaf)
    crate = _identifier(project) if project.isascii() else UNNAMED
    if key == "rust":
        leaf = module = crate
    if language.kind == "program" and not tests:
        tests = (_test_path(key, language, source, leaf, apart=not is_given and (has_folders or "/" in source)),)
    entry = entry or source
    names = {"source": entry, "test": tests[0] if tests else "", "module": leaf}
    run_command = _python_command(entry, roots) if key == "python" else _command(language.run_command, names)
    scaffold = {path: Template(text).substitute(module=crate) for path, text in language.scaffold.items()}
    if key == "rust" and not source.startswith("src/"):
        scaffold = {path: f'{text}\n[[bin]]\nname = "{crate}"\npath = "{source}"\n' for path, text in scaffold.items()}
    if key == "python" and (roots != ("",) or any("/" in test for test in tests)):
        scaffold["pytest.ini"] = f"[pytest]\npythonpath = {' '.join(dict.fromkeys(['.', *filter(None, roots)]))}\n"
    return Layout(
        key=key,
        language=language.title,
        kind=language.kind,
        project=project.replace("_", "-"),
        module=module,
        source=source,
        entry=entry,
        tests=tests,
        run_command=run_command,
        test_command=_command(language.test_command, names),
        suffixes=language.suffixes,
        import_roots=roots,
        scaffold=tuple(scaffold.items()),
        runner=language.runner,
    )


def dotted(path: str, roots: tuple[str, ...]) -> str:
    """Return the name by which Python imports a file, the package for its __init__.py; the bare stem if it has none."""
    name = PurePosixPath(path)
    parts = [*name.parts[:-1], name.stem]
    if parts[0] in roots:
        parts = parts[1:]
    if len(parts) > 1 and parts[-1] in {"__init__", "__main__"}:
        parts = parts[:-1]
    if all(part.isidentifier() for part in parts):
        return ".".join(parts)
    return _identifier(name.stem)


def leaf_of(source: str, project: str, language: LanguageLayout) -> str:
    """Return the name that a file's test goes by."""
    name = PurePosixPath(source)
    generic = {"__init__", "__main__", "index", "mod", "lib", "main"}
    if name.stem in generic and len(name.parts) > 1 and name.parts[-2] not in {"src", "lib", "app"}:
        return _identifier(name.parts[-2])
    if source in {language.source, language.program}:
        return _identifier(project)
    return _identifier(name.stem)


def _test_path(key: str, language: LanguageLayout, source: str, leaf: str, *, apart: bool) -> str:
    path = Template(language.test).substitute(module=leaf)
    folder = str(PurePosixPath(source).parent)
    if key == "go" and folder != ".":
        return f"{folder}/{path}"  # its tests belong to the package
    return f"{language.tests_folder}/{path}" if apart and language.tests_folder else path


def _python_command(entry: str, roots: tuple[str, ...]) -> str:
    module = dotted(entry, roots)
    if "." not in module and PurePosixPath(entry).stem not in {"__main__", "__init__"}:
        return _command("python $source", {"source": entry})
    if not all(part.isidentifier() for part in PurePosixPath(entry).with_suffix("").parts):
        return _command("python $source", {"source": entry})
    search = f"env PYTHONPATH={roots[0]} " if roots[0] else ""
    return f"{search}python -m {module}"


def _is_program(task: str) -> bool:
    return _PROGRAM.search(task) is not None and _LIBRARY.search(task) is None


def _can_be_made(path: str) -> bool:
    try:
        safe_relative_path(path)
    except ArtifactError:
        return False
    return portable_path(path) == path and acting_name(path) is None and shadowed_module(path) is None


def _without_kind(module: str, language: LanguageLayout) -> str:
    """Return a name without the words that the kind of file has in it already: the schema of a shop is in schema.sql."""
    kinds = {word for thing in (*language.things, *language.words) for word in re.findall(r"[a-z]+", thing.lower())}
    kept = [word for word in module.split("_") if word not in kinds - {"schema"}]
    if "schema" in kept and len(kept) > 1:
        return "schema"
    return "_".join(kept) or module


def _identifier(stem: str) -> str:
    plain = re.sub(r"\W+", "_", stem)
    return plain if plain.strip("_") else UNNAMED


def _names(task: str, path: str) -> bool:
    """Tell whether a task names a file, in a script without spaces too, and not only another whose name ends with it."""
    apart = r"(?<![A-Za-z0-9_-])(?<![A-Za-z0-9_-]\.)" if "/" in path else r"(?<![A-Za-z0-9_/-])(?<![A-Za-z0-9_-]\.)"
    return re.search(rf"(?:{apart}|(?<![\w./])\./){re.escape(path)}(?![A-Za-z0-9_-])", task) is not None


def _command(template: str, names: Mapping[str, str]) -> str:
    """Return a command for a shell, the names in it quoted where they need it."""
    quoted = {name: _quoted(value) for name, value in names.items()}
    before, shell, script = template.partition("bash -c '")
    if not shell:
        return Template(template).substitute(quoted)
    return f"{before}bash -c {shlex.quote(Template(script.removesuffix(chr(39))).substitute(quoted))}"


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[\w@%+=:,./-]+", name) else shlex.quote(name)
