"""The report of a run as Markdown: the same values as report.json, for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from core.text.sanitize import plain_line, plain_paragraphs

REPORT_HEAD = "<!-- written by quintet; the same in values: report.json -->"
MAX_CELL_CHARACTERS = 160
MAX_LISTED_TESTS = 100
VERDICT_SENTENCES = {
    "pass": "The tests were executed against the delivered files, are green, and go red without the code.",
    "fail": "The tests were executed, and what was delivered does not pass them.",
    "unproven": "Tests were executed, and they prove nothing.",
    "not_executed": "No test was executed, so nothing is proven.",
    "none": "This run made nothing that can be executed.",
}
RESULT_WORDS: Mapping[str, str] = {
    "ran": "ran",
    "failed": "failed",
    "missing": "names what is not delivered",
    "endless": "does not end",
    "not_run": "not run",
}
_MARKUP = re.compile(r"[\\`*_\[\]<>|~#@]|(?<=[a-z]):(?=//)|(?<=www)\.", re.IGNORECASE)


def report_markdown(report: Mapping[str, Any]) -> str:
    """Return the page; text of a model stands in it as plain text, without markup or links of its own."""
    evidence = _mapping(report.get("evidence"))
    lines = [
        REPORT_HEAD,
        f"# {report['status']}: {_text(VERDICT_SENTENCES.get(str(report['verdict']), report['verdict']))}",
        "",
        *_quoted(str(report["task"])),
        "",
        *_facts(report, evidence),
        "",
    ]
    lines += _section("Requirements", _requirements(report))
    lines += _section("Tests made from the examples of the task", _tests(evidence, {"example", "smoke"}))
    lines += _section("Tests written by QA", _tests(evidence, {"requirement"}))
    lines += _section("Tests that prove nothing", _vacuous(evidence))
    lines += _section("What is wrong", _findings(evidence))
    lines += _section("Rounds", _rounds(evidence))
    lines += _section("Opinion", _opinion(evidence))
    lines += _section("Not executed", _not_executed(report))
    lines += _section("Files", _files(report))
    lines += _section("Left out", (f"- {_code(row['path'])}: {_text(row['why'])}" for row in report["left_out"]))
    lines += _section("Read", _read(_mapping(report.get("folder"))))
    lines += _section("How to run it", _commands(_mapping(report.get("commands"))))
    lines += _section("How it was executed", _execution(evidence))
    lines += _section("README commands", _readme_commands(evidence))
    lines += _section("Tokens and cost", _spending(report))
    lines += _section("Tools", (f"- {_text(name)} {_text(version)}" for name, version in report["tools"].items()))
    return "\n".join(lines).rstrip() + "\n"


def _facts(report: Mapping[str, Any], evidence: Mapping[str, Any]) -> Iterator[str]:
    yield f"- Verdict: **{report['verdict']}**" + (f" - {_text(evidence['reason'])}" if evidence.get("reason") else "")
    if report["reason"] and report["reason"] != evidence.get("reason"):
        yield f"- Why {report['status']}: {_text(report['reason'])}"
    if evidence.get("rounds"):
        yield f"- Delivered: the files of round {_number(evidence.get('delivered_round')) + 1}"
    yield f"- Run {_code(report['run_id'])}, workflow {_text(report['workflow'])}, model {_text(report['model'])}"
    yield f"- {float(report['duration_seconds']):.1f} s, {report['tokens']} tokens"


def _requirements(report: Mapping[str, Any]) -> Iterator[str]:
    rows = report["requirements"]
    if not rows:
        return
    yield from _table(
        ("requirement", "files", "tests", "result", "tokens", "cost"),
        (
            (
                f"{_text(row['id'])} {_text(row['text'])}",
                ", ".join(map(_code, row["files"])) or "-",
                "<br>".join(f"{_code(test['id'])} {_outcome(test)}" for test in row["tests"]) or "-",
                row["result"],
                str(row["tokens"] or "-"),
                _text(row["cost"]) or "-",
            )
            for row in rows
        ),
    )
    yield ""
    yield "A file that serves several requirements is counted in each of their rows."


def _tests(evidence: Mapping[str, Any], kinds: set[str]) -> Iterator[str]:
    tests = [test for test in evidence.get("tests") or () if test.get("made_from") in kinds]
    if not tests:
        return
    yield from _table(
        ("test", "result", "said"),
        (
            (_code(test["id"]), _outcome(test), _text(test.get("message", "")) or "-")
            for test in tests[:MAX_LISTED_TESTS]
        ),
    )
    more = len(tests) - MAX_LISTED_TESTS
    if more > 0:
        yield f"\nand {more} more; report.json has them"


def _vacuous(evidence: Mapping[str, Any]) -> Iterator[str]:
    for test in evidence.get("tests") or ():
        if test.get("proves") is False:
            yield f"- {_code(test['id'])} stays green when the code does nothing"


def _findings(evidence: Mapping[str, Any]) -> Iterator[str]:
    for finding in evidence.get("findings") or ():
        doubtful = "; only the expectation of a model speaks against the code" if finding.get("doubtful") else ""
        at_fault = f"{_text(finding['text'])} (at fault: {_text(finding['culprit'])}{doubtful})"
        yield f"- {_code(finding['path'])}: {at_fault}"


def _rounds(evidence: Mapping[str, Any]) -> Iterator[str]:
    rounds = evidence.get("rounds") or ()
    if rounds:
        yield from _table(
            ("round", "verdict", "green", "why", "at fault", "delivered"),
            (
                (
                    str(_number(record.get("round")) + 1),
                    str(record.get("verdict", "")),
                    str(record.get("green", "")),
                    _text(record.get("reason", "")),
                    ", ".join(map(_text, record.get("at_fault") or ())) or "-",
                    "yes" if record.get("round") == evidence.get("delivered_round") else "",
                )
                for record in rounds
            ),
        )
    if evidence.get("stop_reason") not in {None, "", evidence.get("reason")}:
        yield f"\nIt ended there: {_text(evidence['stop_reason'])}"


def _opinion(evidence: Mapping[str, Any]) -> Iterator[str]:
    opinion = _mapping(evidence.get("opinion"))
    if not opinion or opinion.get("value") == "unknown":
        return
    yield f"QA thinks: {_text(opinion['value'])}. This is the opinion of a model; it decided nothing."
    for finding in opinion.get("findings") or ():
        yield f"- {_text(finding)}"


def _not_executed(report: Mapping[str, Any]) -> Iterator[str]:
    for row in report["not_executed"]:
        hint = f" - {_text(row['hint'])}" if row["hint"] else ""
        yield f"- {_text(row['what'])}: {_text(row['why'])}{hint}"


def _files(report: Mapping[str, Any]) -> Iterator[str]:
    if report["files"]:
        yield from _table(
            ("file", "role", "by", "round", "bytes", "tokens", "cost"),
            (
                (
                    _code(file["path"]),
                    _text(file["role"]),
                    _text(file["by"]),
                    str(file["round"] + 1),
                    str(file["bytes"]),
                    str(file["tokens"] or "-"),
                    _text(file["cost"]) or "-",
                )
                for file in report["files"]
            ),
        )


def _read(folder: Mapping[str, Any]) -> Iterator[str]:
    """Tell what the team was shown of the folder that it worked on, and what it was not."""
    read, not_read = folder.get("read") or (), folder.get("not_read") or ()
    if folder.get("changes"):
        yield "- the changes since the last commit, as git tells them"
    yield from (f"- {_code(path)}" for path in read)
    yield from (f"- not read: {_text(line)}" for line in not_read)


def _commands(commands: Mapping[str, Any]) -> Iterator[str]:
    shown = [str(command) for command in (commands.get("run"), commands.get("test")) if command]
    if shown:
        yield from ("    " + plain_line(command, limit=MAX_CELL_CHARACTERS) for command in shown)


def _execution(evidence: Mapping[str, Any]) -> Iterator[str]:
    for title, run in (("As delivered", evidence.get("run")), ("Without the code", evidence.get("hollow_run"))):
        if not isinstance(run, Mapping):
            continue
        limits = ", ".join(f"{name} {value}" for name, value in _mapping(run.get("limits")).items())
        counts = ", ".join(f"{number} {outcome}" for outcome, number in _mapping(run.get("counts")).items())
        command = " ".join(map(str, run.get("command") or ()))
        yield f"- {title}: {_code(command)}"
        yield f"  - in the sandbox {_text(run.get('sandbox', ''))}, {run.get('seconds', 0)} s; limits: {_text(limits)}"
        yield f"  - {run.get('collected', 0)} collected; {_text(counts) or 'none ended'}; exit code {run.get('exit_code')}"
        if run.get("disagreement"):
            yield f"  - the counts do not agree: {_text(run['disagreement'])}"


def _readme_commands(evidence: Mapping[str, Any]) -> Iterator[str]:
    rows = [row for row in evidence.get("readme_commands") or () if isinstance(row, Mapping)]
    if rows:
        yield from _table(
            ("command", "result", "why", "said"),
            (
                (
                    _code(row.get("command", "")),
                    RESULT_WORDS.get(str(row.get("result")), ""),
                    _text(row.get("why", "")) or "-",
                    _text(row.get("output", "")) if row.get("result") in {"failed", "endless"} else "-",
                )
                for row in rows
            ),
        )


def _spending(report: Mapping[str, Any]) -> Iterator[str]:
    if report["agents"]:
        yield from _table(
            ("agent", "tokens", "cost"),
            ((_text(row["agent"]), str(row["tokens"]), _text(row["cost"]) or "-") for row in report["agents"]),
        )


def _outcome(test: Mapping[str, Any]) -> str:
    return f"{test.get('outcome')}, proves nothing" if test.get("proves") is False else str(test.get("outcome"))


def _section(title: str, lines: Iterable[str]) -> list[str]:
    body = list(lines)
    return [f"## {title}", "", *body, ""] if body else []


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---' for _ in head)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _quoted(text: str) -> Iterator[str]:
    """Give a text of the user's as an indented block: nothing in it is markup."""
    for line in plain_paragraphs(text, limit=MAX_CELL_CHARACTERS * 10).split("\n"):
        yield f"    {line}"


def _text(value: object) -> str:
    """Return foreign text as one line in which nothing is markup, a link or a tag."""
    return _MARKUP.sub(r"\\\g<0>", plain_line(str(value), limit=MAX_CELL_CHARACTERS))


def _code(value: object) -> str:
    """Return a name as code; what would end the code, or a cell, is taken out."""
    name = plain_line(str(value), limit=MAX_CELL_CHARACTERS).replace("`", "'").replace("|", "/")
    return f"`{name}`" if name else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
