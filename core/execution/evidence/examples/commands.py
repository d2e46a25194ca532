"""Reads command lines with what they must print: `$ python calc.py 2 3` with the output below, "`calc.py 2 3` prints 5"."""

# ruff: noqa: RUF001 - people write these characters

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from core.execution.evidence.examples.calls import quote_of
from core.execution.evidence.examples.example import CommandExample, CommandStep, TaskExample, UnreadExample
from core.execution.evidence.examples.literals import QUOTES, scan_string

MAX_LINE = 1000

_SHELL_PROMPT = re.compile(r"^(?P<indent>\s*)(?:[-*]\s+)?`?(?:\$|❯|%|PS>|C:\\>)\s+(?P<command>\S.*?)`?\s*$")
_PYTHON_LINE = re.compile(r"^(?P<indent>\s*)(?P<command>(?:python3?|bash|sh|\./)\s*\S+.*?)\s*$")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_BEHIND = re.compile(r"^(?P<command>.*?)\s+(?:#\s*(?:=>|->|→|prints|outputs|gibt)?|=>|->|→|➞|⇒)\s*(?P<output>\S.*)$")
_INLINE = re.compile(
    r"(?:[`]{1,2}(?P<ticked>(?:\$\s+)?(?:python3?\s+|bash\s+|sh\s+|\./|(?=[\w./-]+\.(?:py|sh)\b))[^`\n]+)[`]{1,2}"
    r"|(?<![\w`])(?P<bare>python3?\s+(?:-m\s+\w+|[\w./-]+\.py)(?:\s+[^\s`,;:→=>-][^\s`,;:]*?|\s+-{1,2}\w+(?=\s))*?))"
    r"\s*,?\s*(?P<relation>(?:should\s+|must\s+|shall\s+|will\s+|then\s+)?(?:prints?|outputs?|writes?|displays?|shows?|returns?|gives?)(?:\s+out)?"
    r"|(?:should\s+|must\s+)?exits?\s+with(?:\s+(?:the\s+)?(?:exit\s+)?(?:code|status))?|(?:ends|fails)\s+with\s+(?:exit\s+)?(?:code|status)"
    r"|gibt|soll(?:te)?|druckt|affiche|imprime|打印|输出|->|=>|→|➞|⇒)\s*:?\s*(?P<rest>.*)$",
    re.IGNORECASE,
)
_OUTPUT_WORDS = re.compile(
    r"^\s*(?:#\s*)?(?:(?:should\s+|must\s+)?(?:prints?|outputs?|output)\s*:?|->|=>|→|➞|⇒)\s+(?P<output>\S.*)$",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"\.\.\.|…|<[a-z][\w -]*>|\[[a-z_ ]+\]$")
_SHELL_SIGNS = re.compile(r"[|&;<>`$*?~(){}]|\\$")
_PIPED = re.compile(
    r"^\s*(?:echo|printf)\s+(?P<flag>-n\s+)?(?P<text>\"[^\"$`\\]*\"|'[^']*'|[\w. -]+?)\s*\|\s*(?P<command>[^|]+)$"
)
_FILE_ARGUMENT = re.compile(r"^[\w./\\-]+\.[A-Za-z][A-Za-z0-9]{0,4}$")
_NUMBER = re.compile(r"^[-+]?\d+(?:\.\d+)?")
_NAME_OF_PROGRAM = re.compile(r"^[\w.-]+(?:/[\w.-]+)*$")
_SYSTEM_PROGRAMS = frozenset(
    {
        "cat",
        "cd",
        "ls",
        "mkdir",
        "rm",
        "cp",
        "mv",
        "pip",
        "pip3",
        "uv",
        "npm",
        "git",
        "echo",
        "export",
        "curl",
        "wget",
        "apt",
        "sudo",
        "source",
        "touch",
        "chmod",
        "docker",
        "make",
        "pytest",
    }
)


def read_commands(lines: list[str]) -> tuple[list[TaskExample], list[UnreadExample], set[int]]:
    """Return the examples made of command lines, what looked like one, and the numbers of the lines that they take."""
    examples: list[TaskExample] = []
    unread: list[UnreadExample] = []
    taken: set[int] = set()
    index, fenced = 0, False
    while index < len(lines):
        if _FENCE.match(lines[index]):
            fenced = not fenced
        elif _is_prompt(lines[index], fenced=fenced):
            last = _read_block(lines, index, fenced, examples, unread)
            taken |= set(range(index + 1, last + 2))
            index = last
        elif not fenced and len(lines[index]) <= MAX_LINE and (inline := _INLINE.search(lines[index])):
            _read_inline(lines[index], index + 1, inline, examples, unread)
            taken.add(index + 1)
        index += 1
    return examples, unread, taken


def _is_prompt(line: str, *, fenced: bool) -> re.Match[str] | None:
    prompt = _SHELL_PROMPT.match(line)
    if prompt is None and fenced:
        prompt = _PYTHON_LINE.match(line)
    if prompt is None or prompt.group("command").split()[0] in _SYSTEM_PROGRAMS - {"echo"}:
        return None
    return prompt


def _read_block(
    lines: list[str], first: int, fenced: bool, examples: list[TaskExample], unread: list[UnreadExample]
) -> int:
    """Read the commands that follow each other from a prompt, with their outputs; return the index of the last line."""
    steps: list[CommandStep] = []
    reasons: list[str] = []
    last = index = first
    while index < len(lines) and (prompt := _is_prompt(lines[index], fenced=fenced)):
        command = prompt.group("command")
        output: list[str] = []
        index += 1
        while index < len(lines) and not _is_prompt(lines[index], fenced=fenced) and not _FENCE.match(lines[index]):
            if not fenced and not lines[index].strip():
                break
            output.append(lines[index])
            index += 1
        certain = fenced or len(prompt.group("indent")) >= 2 or len(output) <= 1
        step, reason = _step(command, output if fenced else [line for line in output if line.strip()])
        if step is None or not certain:
            reasons.append(reason or "where its output ends is not certain")
        else:
            steps.append(step)
        last = index - 1
        following = index
        while following < len(lines) and not lines[following].strip():
            following += 1
        if following < len(lines) and not fenced and _is_prompt(lines[following], fenced=False):
            index = following
    quote = quote_of("\n".join(lines[first : last + 1]), 0, 100_000)
    if reasons:
        unread.append(UnreadExample(first + 1, quote, reasons[0]))
    elif any(step.prints is not None for step in steps):
        examples.append(CommandExample(first + 1, quote, tuple(steps)))
    return last


def _step(command: str, output: list[str]) -> tuple[CommandStep | None, str]:
    behind = _BEHIND.match(command)
    if behind and not output:
        command, output = behind.group("command"), [_unquoted(behind.group("output"))]
    step = _command(command)
    if isinstance(step, str):
        return None, step
    if len(output) == 1 and (worded := _OUTPUT_WORDS.match(output[0])):
        output = [_unquoted(worded.group("output"))]
    text = _dedented(output)
    if _PLACEHOLDER.search(text):
        return None, "its output has a placeholder"
    return (replace(step, prints=text) if text else step), ""


def _dedented(lines: list[str]) -> str:
    filled = [line for line in lines if line.strip()]
    if not filled:
        return ""
    indent = min(len(line) - len(line.lstrip()) for line in filled)
    return "\n".join(line[indent:].rstrip() for line in lines).strip("\n")


def _read_inline(
    line: str, number: int, match: re.Match[str], examples: list[TaskExample], unread: list[UnreadExample]
) -> None:
    quote = quote_of(line, match.start(), len(line))
    step = _command((match.group("ticked") or match.group("bare")).removeprefix("$").strip())
    if isinstance(step, str):
        unread.append(UnreadExample(number, quote, step))
        return
    relation, rest = match.group("relation").lower(), match.group("rest")
    if "exit" in relation or "code" in relation or "status" in relation:
        code = re.match(r"[`*]*(\d{1,3})\b", rest)
        if code:
            examples.append(CommandExample(number, quote, (replace(step, exit_code=int(code.group(1))),)))
        return
    printed = _inline_output(rest)
    if printed is None:
        unread.append(UnreadExample(number, quote, "where its output begins and ends is not certain"))
    else:
        examples.append(CommandExample(number, quote, (replace(step, prints=printed),)))


def _inline_output(text: str) -> str | None:
    text = text.strip()
    ticked = re.match(r"(`{1,2})([^`]+)\1", text)
    if ticked:
        return ticked.group(2)
    if text[:1] in QUOTES and (string := scan_string(text, 0)):
        return text[1 : string.end - 1]
    number = _NUMBER.match(text)
    if number and re.match(r"[.,;:!)]*(?:\s*$|\s+(?:and|und|aus)\b|[.,;]\s)", text[number.end() :]):
        return number.group()
    return None


def _unquoted(text: str) -> str:
    """Return an output that stands behind its command, without the quotes or back quotes around all of it."""
    text = text.strip()
    for sign in ("`", '"', "'"):
        if len(text) >= 2 and text.startswith(sign) and text.endswith(sign):
            return text[1:-1]
    return text


def _command(command: str) -> CommandStep | str:
    """Return a command line as program and arguments, or why it is none that can be run here."""
    stdin = ""
    if piped := _PIPED.match(command):
        text = piped.group("text").strip()
        text = text[1:-1] if text[0] in "\"'" else text
        stdin = text if piped.group("flag") else f"{text}\n"
        command = piped.group("command").strip()
    try:
        words = shlex.split(command)
    except ValueError:
        return "its quotes do not close"
    unquoted = re.sub(r"\"[^\"]*\"|'[^']*'", "", command)
    if _SHELL_SIGNS.search(re.sub(r"(?:^|\s)[*](?=\s|$)", " ", unquoted)):
        return "it needs a shell"
    as_module = False
    if words and re.fullmatch(r"python3?|bash|sh|node", words[0]):
        words = words[1:]
        if words[:1] == ["-m"]:
            as_module, words = True, words[1:]
    if not words or words[0].startswith("-"):
        return "it names no program"
    program = words[0].removeprefix("./")
    if not _NAME_OF_PROGRAM.match(program) or ".." in program.split("/") or program in _SYSTEM_PROGRAMS:
        return "it names no program of the task"
    needed = [word for word in words[1:] if _FILE_ARGUMENT.match(word)]
    if needed:
        return f"it needs the file {needed[0]}, whose content is not given"
    return CommandStep(program, as_module, tuple(words[1:]), stdin)
