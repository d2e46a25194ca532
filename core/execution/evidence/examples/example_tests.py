"""Makes a pytest file of the examples of a task: one test each, written from values and syntax trees, never from the task's text."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.execution.evidence.examples.example import (
    CommandExample,
    CommandStep,
    FunctionExample,
    Outcome,
    Prints,
    Raises,
    Returns,
    SessionExample,
    TaskExample,
    Truthy,
)
from core.execution.evidence.examples.literals import source_of
from core.execution.evidence.examples.targets import DeliveredCode, FunctionCall, Program
from core.text.sanitize import one_line

TESTS_PATH = "test_examples.py"
SECONDS_FOR_A_COMMAND = 20

_HEAD = '"""The examples given in the task, as tests; made by Quintet, not by a model."""\n'
_FOLDER = "FOLDER = Path(__file__).resolve().parent\n"
_SOURCE_FOLDER = 'sys.path.insert(0, str(FOLDER / "src"))\n'
_COMMAND_HELPERS = f'''

def run(*command, stdin, folder):
    """Run a delivered program in a folder of its own."""
    path = os.pathsep.join([str(FOLDER), str(FOLDER / "src")])
    return subprocess.run(
        command,
        cwd=folder,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout={SECONDS_FOR_A_COMMAND},
        check=False,
        env={{**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}},
    )
'''
_LINES_HELPER = '''

def lines_of(text):
    """Return the lines of what was printed, without blanks at their ends."""
    return [line.rstrip() for line in text.strip("\\n").splitlines()]
'''


@dataclass(frozen=True, slots=True)
class UsedExample:
    """An example and its test; `path` is the delivered file that it calls, `call` the function, for an example of one call."""

    example: TaskExample
    test: str
    path: str
    call: FunctionCall | None = None
    arguments: tuple[object, ...] = ()
    keywords: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class UnresolvedExample:
    """An example that no delivered code could be found for, and why."""

    example: TaskExample
    reason: str


@dataclass(frozen=True, slots=True)
class ExampleTests:
    """The text of a pytest file, empty when no example could be made a test, and which examples it holds."""

    text: str
    used: tuple[UsedExample, ...] = ()
    unresolved: tuple[UnresolvedExample, ...] = ()


class _UnresolvedError(Exception):
    """An example speaks of something that was not delivered."""


@dataclass(frozen=True, slots=True)
class _Test:
    path: str
    body: list[str]
    fixtures: tuple[str, ...] = ()
    call: FunctionCall | None = None
    arguments: tuple[object, ...] = ()
    keywords: tuple[tuple[str, object], ...] = ()


def build_example_tests(examples: tuple[TaskExample, ...], files: Mapping[str, str]) -> ExampleTests:
    """Return a test file for the root of a delivered folder, whose Python files and shell scripts are `files`, by path."""
    code = DeliveredCode(files)
    used: list[UsedExample] = []
    unresolved: list[UnresolvedExample] = []
    tests: list[str] = []
    names: set[str] = set()
    for example in examples:
        try:
            test = _test(example, code)
        except _UnresolvedError as error:
            unresolved.append(UnresolvedExample(example, str(error)))
            continue
        name = _name(example, names)
        used.append(UsedExample(example, name, test.path, test.call, test.arguments, test.keywords))
        body = "".join(f"    {line}\n" if line else "\n" for line in [_docstring(example), *test.body])
        tests.append(f"\n\ndef {name}({', '.join(test.fixtures)}):\n{body}")
    text = _file("".join(tests), any(entry.path.startswith("src/") for entry in used)) if tests else ""
    return ExampleTests(text, tuple(used), tuple(unresolved))


def _file(tests: str, has_source_folder: bool) -> str:
    has_commands = " = run(" in tests
    modules = {
        "asyncio": "asyncio.run(" in tests,
        "os": has_commands,
        "subprocess": has_commands,
        "sys": has_commands or has_source_folder,
    }
    head = _HEAD + "\n" + "".join(f"import {name}\n" for name, is_used in modules.items() if is_used)
    if has_commands or has_source_folder:
        head += "from pathlib import Path\n"
    if "pytest." in tests:
        head += ("\n" if head.count("\n") > 2 else "") + "import pytest\n"
    if has_commands or has_source_folder:
        head += "\n" + _FOLDER
    if has_source_folder:
        head += _SOURCE_FOLDER
    if has_commands:
        head += _COMMAND_HELPERS
    if "lines_of(" in tests:
        head += _LINES_HELPER
    return head.rstrip("\n") + "\n" + tests


def _name(example: TaskExample, names: set[str]) -> str:
    match example:
        case FunctionExample():
            word = example.function
        case SessionExample():
            word = next((need for statement in example.statements for need in statement.needs), "")
        case CommandExample():
            word = example.steps[0].program
    stem = f"test_line_{example.line}_{re.sub(r'[^A-Za-z0-9_]+', '_', word)[:40]}".rstrip("_")
    name, count = stem, 1
    while name in names:
        count += 1
        name = f"{stem}_{count}"
    names.add(name)
    return name


def _docstring(example: TaskExample) -> str:
    text = f"Line {example.line} of the task: {one_line(example.quote, limit=300)}"
    safe = '"""' not in text and "\\" not in text and not text.endswith('"')
    return f'"""{text}"""' if safe else repr(text)


def _test(example: TaskExample, code: DeliveredCode) -> _Test:
    match example:
        case FunctionExample():
            return _function_test(example, code)
        case SessionExample():
            return _session_test(example, code)
        case CommandExample():
            return _command_test(example, code)


def _function_test(example: FunctionExample, code: DeliveredCode) -> _Test:
    target = code.resolve(example)
    if isinstance(target, str):
        raise _UnresolvedError(target)
    call = target.call
    given = [source_of(argument) for argument in target.arguments]
    given += [f"{name}={source_of(value)}" for name, value in target.keywords]
    function = f"{call.method_of}().{call.function}" if call.method_of else call.function
    source = f"{function}({', '.join(given)})"
    if call.is_async:
        source = f"asyncio.run({source})"
    imports = [f"from {call.module} import {call.method_of or call.function}"]
    checks = _checked(source, example.outcome, code, imports)
    return _Test(call.path, [*imports, "", *checks], (), call, target.arguments, target.keywords)


def _session_test(example: SessionExample, code: DeliveredCode) -> _Test:
    imports: list[str] = []
    path = ""
    for need in dict.fromkeys(need for statement in example.statements for need in statement.needs):
        module = code.module_of(need)
        if module is not None:
            imports.append(f"from {module} import {need}")
        elif code.is_module(need):
            module = need
            imports.append(f"import {need}")
        else:
            raise _UnresolvedError(f"no delivered file defines {need!r}, or more than one does")
        path = path or code.path_of(module)
    body: list[str] = []
    for statement in example.statements:
        if isinstance(statement.outcome, Prints):
            wanted = source_of([line.rstrip() for line in statement.outcome.text.strip("\n").split("\n")])
            body += [f"print({statement.source})", f"assert lines_of(capsys.readouterr().out) == {wanted}"]
        elif statement.outcome is None:
            body.append(statement.source)
        else:
            body += _checked(statement.source, statement.outcome, code, imports)
    fixtures = ("capsys",) if any("capsys" in line for line in body) else ()
    return _Test(path, [*imports, "", *body], fixtures)


def _checked(source: str, outcome: Outcome, code: DeliveredCode, imports: list[str]) -> list[str]:
    """Return the lines that execute an expression and say what must come of it."""
    match outcome:
        case Returns(value=None):
            return [f"assert {source} is None"]
        case Returns(value=bool() as value):
            return [f"assert ({source}) == {value}  # noqa: E712"]
        case Returns(value=value):
            return [
                f"assert ({source}) == {source_of(value, tolerant=True)}"
                if _is_compound(source)
                else f"assert {source} == {source_of(value, tolerant=True)}"
            ]
        case Truthy(value=value):
            return [f"assert {'' if value else 'not '}({source})"]
        case Raises(exception=name):
            kind = getattr(builtins, name, None)
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                module = code.module_of(name)
                if module is None:
                    raise _UnresolvedError(f"no exception is called {name!r}")
                imports.append(f"from {module} import {name}")
            return [f"with pytest.raises({name}):", f"    {source}"]


def _is_compound(source: str) -> bool:
    return not re.fullmatch(r"[\w.]+\(.*\)", source, re.DOTALL)


def _command_test(example: CommandExample, code: DeliveredCode) -> _Test:
    body: list[str] = []
    path = ""
    for step in example.steps:
        program = code.program(step.program, as_module=step.as_module)
        if isinstance(program, str):
            raise _UnresolvedError(program)
        path = path or program.path
        body += _step_lines(step, program)
    return _Test(path, body, ("tmp_path",))


def _step_lines(step: CommandStep, program: Program) -> list[str]:
    if program.module:
        command = ["sys.executable", '"-m"', source_of(program.module)]
    else:
        runner = source_of("bash") if program.path.endswith(".sh") else "sys.executable"
        command = [runner, f"str(FOLDER / {source_of(program.path)})"]
    command += [source_of(argument) for argument in step.arguments]
    lines = [f"done = run({', '.join(command)}, stdin={source_of(step.stdin)}, folder=tmp_path)"]
    if step.prints is not None:
        wanted = source_of([line.rstrip() for line in step.prints.strip("\n").split("\n")])
        # A terminal shows both streams, and the task does not say which.
        lines.append(f"assert {wanted} in (lines_of(done.stdout), lines_of(done.stdout + done.stderr)), done.stderr")
    if step.exit_code is not None:
        lines.append(f"assert done.returncode == {step.exit_code}, done.stderr")
    return lines
