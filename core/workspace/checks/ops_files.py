"""What packaging files must have before a builder looks at them: Dockerfiles, GitHub workflows and shell scripts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

PARSE_TIMEOUT_SECONDS = 5.0

_INSTRUCTIONS = frozenset(
    {
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"),
        *("ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    }
)
_HEREDOC = re.compile(r"""<<(-?)\s*(["']?)([A-Za-z_]\w*)\2""")
_FROM = re.compile(r"(?:--platform=\S+\s+)?\S+(?:\s+as\s+[a-z0-9][\w.-]*)?", re.IGNORECASE)
_BASH_PROBLEM = re.compile(r"^.*?: line (\d+): (.*)$")


@dataclass(frozen=True, slots=True)
class _Instruction:
    line: int
    name: str
    rest: str


class _DockerfileProblemError(Exception):
    pass


def check_dockerfile(text: str) -> str | None:
    """Return the first problem with its line number, or None."""
    try:
        instructions = list(_instructions(text))
    except _DockerfileProblemError as problem:
        return str(problem)
    based = False
    for instruction in instructions:
        problem_text = _instruction_problem(instruction, based=based)
        if problem_text is not None:
            return f"line {instruction.line}: {problem_text}"
        based = based or instruction.name == "FROM"
    if not based:
        return "line 1: there is no FROM instruction"
    if all(instruction.name in {"FROM", "ARG"} for instruction in instructions):
        return f"line {instructions[-1].line}: there is nothing after FROM"
    return None


def _instructions(text: str) -> Iterator[_Instruction]:
    lines = text.split("\n")
    escape = "`" if re.match(r"\s*#\s*escape\s*=\s*`", lines[0], re.IGNORECASE) else "\\"
    filled = max((number for number, line in enumerate(lines) if line.strip()), default=-1)
    number = 0
    while number < len(lines):
        start = number
        if not lines[number].strip() or lines[number].lstrip().startswith("#"):
            number += 1
            continue
        words: list[str] = []
        while True:
            line = lines[number].rstrip()
            comment = bool(words) and (not line.strip() or line.lstrip().startswith("#"))
            continues = comment or line.endswith(escape)
            if not comment:
                words.append(line.removesuffix(escape).strip())
            number += 1
            if not continues:
                break
            if number > filled:
                raise _DockerfileProblemError(f"line {start + 1}: the last line continues into nothing")
        whole = " ".join(words)
        name, _, rest = whole.partition(" ")
        if name.upper() in {"RUN", "COPY", "ADD"}:
            number = _after_heredocs(lines, number, rest, start)
        yield _Instruction(start + 1, name.upper(), rest.strip())


def _after_heredocs(lines: list[str], number: int, rest: str, start: int) -> int:
    for dash, _, word in _HEREDOC.findall(rest):
        while number < len(lines) and (lines[number].lstrip("\t") if dash else lines[number]) != word:
            number += 1
        if number >= len(lines):
            raise _DockerfileProblemError(f"line {start + 1}: the here-document {word} is never closed")
        number += 1
    return number


def _instruction_problem(instruction: _Instruction, *, based: bool) -> str | None:
    name, rest = instruction.name, instruction.rest
    if name not in _INSTRUCTIONS:
        return f"unknown instruction {name[:40]!r}"
    if not based and name not in {"FROM", "ARG"}:
        return f"{name} comes before FROM"
    if not rest:
        return f"{name} has no arguments"
    if name == "FROM" and not _FROM.fullmatch(rest.split(" #", 1)[0].strip()):
        return f"FROM takes one image and an optional name, not {rest[:60]!r}"
    if name in {"CMD", "ENTRYPOINT", "SHELL"} and rest.startswith("[") and not _is_string_list(rest):
        return f"{name} is not a JSON list of double-quoted strings"
    if name in {"COPY", "ADD"} and not rest.startswith("[") and "<<" not in rest:
        arguments = [word for word in rest.split() if not word.startswith("--")]
        if len(arguments) < 2:
            return f"{name} needs a source and a destination"
    return None


def _is_string_list(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def check_yaml(text: str) -> str | None:
    """Return the first problem with its line number, or None; tags and several documents are fine."""
    return _nodes(text)[1]


def check_workflow(text: str) -> str | None:
    """Return the first problem of a GitHub workflow with its line number, or None."""
    documents, problem = _nodes(text)
    if problem is not None:
        return problem
    root = documents[0] if documents else None
    if not isinstance(root, yaml.MappingNode):
        return "line 1: a workflow is a mapping with the keys on and jobs"
    top = _entries(root)
    if "on" not in top:
        return "line 1: the workflow has no key on"
    jobs = top.get("jobs")
    if not isinstance(jobs, yaml.MappingNode) or not jobs.value:
        return f"line {_line(jobs or root)}: the workflow has no jobs"
    for name, job in _entries(jobs).items():
        found = _job_problem(name, job)
        if found is not None:
            return found
    return None


def _nodes(text: str) -> tuple[list[yaml.Node | None], str | None]:
    try:
        # Composing checks the syntax without building objects, so an alias bomb stays small and custom tags pass.
        return list(yaml.compose_all(text, Loader=yaml.SafeLoader)), None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return [], f"line {mark.line + 1 if mark else 1}: {error.problem or error.context}"
    except yaml.YAMLError as error:
        return [], f"line 1: {error}"
    except RecursionError:
        return [], "line 1: the values are nested too deeply"


def _entries(mapping: yaml.MappingNode) -> dict[str, yaml.Node]:
    return {str(key.value): value for key, value in mapping.value}


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _job_problem(name: str, job: yaml.Node) -> str | None:
    if not isinstance(job, yaml.MappingNode):
        return f"line {_line(job)}: the job {name} is not a mapping"
    keys = _entries(job)
    if "uses" in keys:
        return None
    if "runs-on" not in keys:
        return f"line {_line(job)}: the job {name} has no runs-on"
    steps = keys.get("steps")
    if not isinstance(steps, yaml.SequenceNode) or not steps.value:
        return f"line {_line(job)}: the job {name} has no steps"
    for step in steps.value:
        if not isinstance(step, yaml.MappingNode) or not ({"uses", "run"} & _entries(step).keys()):
            return f"line {_line(step)}: a step of the job {name} has neither uses nor run"
    return None


def check_shell(text: str) -> str | None:
    """Return the first problem with its line number, or None; without a usable bash only quotes are counted."""
    bash = shutil.which("bash")
    if bash is None:
        return check_quotes(text)
    try:
        # The empty environment matters: bash would run the file that BASH_ENV names.
        parsed = subprocess.run(  # noqa: S603 - parse only, fixed arguments, the script goes in as text
            [bash, "--noprofile", "--norc", "-n"],
            input=text.encode(errors="replace"),
            capture_output=True,
            timeout=PARSE_TIMEOUT_SECONDS,
            env={"LC_ALL": "C"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return check_quotes(text)
    complaints = parsed.stderr.decode(errors="replace").splitlines()
    if parsed.returncode == 0 and not any("here-document" in line for line in complaints):
        return None
    for line in complaints:
        match = _BASH_PROBLEM.match(line)
        if match is not None:
            return f"line {match[1]}: {match[2]}"
    return f"line 1: bash cannot read the script: {complaints[0] if complaints else parsed.returncode}"


def check_quotes(text: str) -> str | None:
    """Return the line where a quote opens that is never closed, or None; here-documents are not known."""
    opened, opened_line, line_number = "", 0, 1
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\n":
            line_number += 1
        if char == "\\" and opened != "'":
            line_number += text[position + 1 : position + 2] == "\n"
            position += 2
            continue
        if opened:
            opened = "" if char == opened else opened
        elif char in "'\"":
            opened, opened_line = char, line_number
        elif char == "#" and (position == 0 or text[position - 1] in " \t\n;"):
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
            continue
        position += 1
    return f"line {opened_line}: a {opened} is never closed" if opened else None
