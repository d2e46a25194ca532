"""A virtual environment of links: pytest, what the delivered code declares and is installed here, and nothing else of ours."""

from __future__ import annotations

import compileall
import os
import shutil
import sys
import venv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from core.execution.sandbox.visible import interpreter_paths

TEST_TOOL = "pytest"
PROGRAM_FILES = ("program.py", "reporter.py")
_LEFT_OUT = {"..", "__pycache__"}


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """An environment in a folder of its own: its interpreter, the program that runs pytest, settings for trees without any, and all that has to be readable."""

    python: Path
    program: Path
    empty_configuration: Path
    readable: tuple[Path, ...]

    @property
    def search_path(self) -> str:
        """The folders of programs that tests see, so that `python` is the interpreter that runs them."""
        return os.pathsep.join((str(self.python.parent), "/usr/local/bin", "/usr/bin", "/bin"))


def build_environment(folder: Path, requirements: Iterable[Requirement]) -> PythonEnvironment:
    """Make an environment in a new folder; requirements that are not installed here are left out.

    It is a real virtual environment, so that programs that tests start see the same packages. Packages are links into our
    own environment: nothing is copied, and what is not linked cannot be imported.
    """
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(folder)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    packages = _packages_folder(folder)
    linked = dict(_entries(installed_with_needs([Requirement(TEST_TOOL), *requirements])))
    for name, source in linked.items():
        _link(source, packages / name)
    _compile_once(linked.values())
    program = folder / "program"
    program.mkdir()
    for name in PROGRAM_FILES:
        (program / name).write_text(files(__package__).joinpath(name).read_text(encoding="utf-8"), encoding="utf-8")
    empty = program / "pytest.ini"
    empty.write_text("[pytest]\n", encoding="utf-8")
    sources = {source.resolve() for source in linked.values()}
    readable = (folder, *interpreter_paths(python), *sorted(sources))
    return PythonEnvironment(python, program / PROGRAM_FILES[0], empty, tuple(dict.fromkeys(readable)))


def installed_with_needs(requirements: Iterable[Requirement]) -> dict[str, Distribution]:
    """Return the installed distributions that meet requirements by name, and all that those need, by their normal names."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    pending = list(requirements)
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        extras = frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        installed = find_installed(requirement.name)
        if installed is not None:
            found[name] = installed
            pending += _needs(installed, extras)
    return found


def find_installed(name: str) -> Distribution | None:
    """Return a distribution whose files can be linked; one that is installed as a reference to its sources cannot."""
    try:
        found = distribution(name)
    except (PackageNotFoundError, ValueError):
        return None
    return found if dict(_entries({name: found})) else None


def importable_names(installed: Iterable[Distribution]) -> frozenset[str]:
    """Return the top-level names that distributions offer to `import`."""
    names = {
        name.partition(".")[0] for name, source in _entries({str(d): d for d in installed}) if _is_code(name, source)
    }
    return frozenset(names)


def _needs(installed: Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    for line in installed.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        wanted = ({"extra": extra} for extra in ("", *extras))
        if requirement.marker is None or any(requirement.marker.evaluate(each) for each in wanted):
            yield requirement


def _entries(distributions: dict[str, Distribution]) -> Iterator[tuple[str, Path]]:
    """Yield what lies at the top of the folder of packages: name and place. Only what holds code makes it worth linking."""
    for each in distributions.values():
        tops = {path.parts[0] for path in each.files or () if path.parts} - _LEFT_OUT
        places = {name: Path(str(each.locate_file(name))) for name in tops if not name.endswith(".pth")}
        if any(_is_code(name, place) for name, place in places.items()):
            yield from ((name, place) for name, place in sorted(places.items()) if place.exists())


def _is_code(name: str, place: Path) -> bool:
    is_module = name.endswith((".py", ".so", ".pyd"))
    return is_module or (place.is_dir() and name.isidentifier())


def _packages_folder(folder: Path) -> Path:
    if os.name == "nt":
        return folder / "Lib" / "site-packages"
    return folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _compile_once(sources: Iterable[Path]) -> None:
    """Compile packages that nobody has compiled: the sandbox cannot keep what it compiles, and would do it in every run."""
    for source in sources:
        if source.is_dir() and (source / "__init__.py").exists() and not (source / "__pycache__").exists():
            compileall.compile_dir(source, quiet=2)


def _link(source: Path, target: Path) -> None:
    if target.exists():
        return  # a folder that several distributions share
    try:
        target.symlink_to(source.resolve(), target_is_directory=source.is_dir())
    except OSError:  # Windows lets only some users make links
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
