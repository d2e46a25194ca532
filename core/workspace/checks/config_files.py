"""Files of tools without a parser here: Makefiles, Terraform and SQL, judged by what no dialect of them may be."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TARGET = re.compile(r"^(?![ \t#])(?!.*(?::=|\?=|\+=|::=))[^=\n#]+?::?(?!=)(?:\s.*)?$")
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+|override\s+)?[\w.-]+\s*(?::{0,3}|[?+!])=")
_DIRECTIVE = re.compile(
    r"^\s*-?(?:include|ifeq|ifneq|ifdef|ifndef|else|endif|define|endef|export|unexport|vpath|override)\b"
)

_HCL_BLOCK = re.compile(r"^\s*[A-Za-z_][\w-]*(?:\s+(?:\"[^\"\n]*\"|[A-Za-z_][\w-]*))*\s*\{", re.MULTILINE)
_HCL_VALUE = re.compile(r"^\s*[\w.-]+\s*=", re.MULTILINE)
_PAIRS = {")": "(", "]": "[", "}": "{"}

_SQL_STARTS = frozenset(
    [
        "select",
        "insert",
        "update",
        "delete",
        "create",
        "alter",
        "drop",
        "with",
        "begin",
        "commit",
        "rollback",
        "pragma",
        "set",
        "use",
        "grant",
        "revoke",
        "comment",
        "explain",
        "analyze",
        "vacuum",
        "truncate",
        "merge",
        "replace",
        "call",
        "declare",
        "do",
        "copy",
        "start",
        "savepoint",
        "release",
        "attach",
        "detach",
        "show",
        "describe",
        "desc",
        "go",
        "delimiter",
        "exec",
        "execute",
        "if",
        "end",
        "lock",
        "unlock",
        "refresh",
        "reindex",
        "values",
        "table",
        "rename",
        "load",
        "prepare",
        "deallocate",
        "print",
        "while",
        "return",
        "import",
        "export",
        "optimize",
        "flush",
        "reset",
        "discard",
        "listen",
        "notify",
        "cluster",
        "checkpoint",
        "security",
        "reassign",
        "abort",
        "fetch",
        "open",
        "close",
        "upsert",
        "purge",
    ]
)


def check_makefile(text: str) -> str | None:
    """Return the first problem of a Makefile with its line number, or None."""
    if ".RECIPEPREFIX" in text or ".ONESHELL" in text:
        return None
    in_rule, continues, in_define, found = False, False, False, False
    for number, line in enumerate(text.split("\n"), start=1):
        continued, continues = continues, line.rstrip().endswith("\\")
        if continued or not line.strip() or line.lstrip().startswith("#") or line.startswith("\t"):
            continue
        if _DIRECTIVE.match(line):
            in_define = line.lstrip().startswith("define") or (in_define and not line.lstrip().startswith("endef"))
            found = True
        elif in_define:
            continue
        elif line[0] == " " and in_rule and not _ASSIGNMENT.match(line):
            return f"line {number}: a recipe begins with a tab, not with spaces"
        elif _ASSIGNMENT.match(line) or line.lstrip().startswith("$("):
            in_rule = in_rule and line[0] == " "
            found = True
        elif _TARGET.match(line):
            in_rule = found = True
        else:
            return f"line {number}: this is neither a rule, nor a variable, nor a recipe"
    return None if found else "line 1: there is no rule in the Makefile"


def check_terraform(text: str) -> str | None:
    """Return the first problem of a file of HCL with its line number, or None."""
    plain = _hcl_code(text)
    problem = _unpaired(plain)
    if problem is not None:
        return problem
    return None if _HCL_BLOCK.search(plain) or _HCL_VALUE.search(plain) else "line 1: there is no block in the file"


def _hcl_code(text: str) -> str:
    """Blank out comments, quoted texts and here-documents; lines stay where they are."""
    pattern = re.compile(
        r"/\*.*?\*/|(?:#|//)[^\n]*|<<-?\s*(?P<word>\w+)\n.*?^\s*(?P=word)\s*$|\"(?:\\.|\$\{(?:[^{}\"]|\"[^\"\n]*\")*\}|[^\"\\\n])*\"",
        re.DOTALL | re.MULTILINE,
    )
    return pattern.sub(
        lambda match: '""' + re.sub(r"[^\n]", "", match[0]) if match[0][0] == '"' else re.sub(r"[^\n]", "", match[0]),
        text,
    )


def check_sql(text: str) -> str | None:
    """Return the first problem of a script with its line number, or None; what only one dialect knows is fine."""
    plain = _sql_code(text)
    open_quote = re.search(r"['\"]", plain)
    if open_quote is not None and plain.count(open_quote[0]) % 2:
        return f"line {plain[: open_quote.start()].count(chr(10)) + 1}: a {open_quote[0]} is never closed"
    if (start := plain.find("/*")) >= 0:
        return f"line {plain[:start].count(chr(10)) + 1}: the comment is never closed"
    problem = _unpaired(plain)
    if problem is not None:
        return problem
    word = re.search(r"[^\s;(]+", plain)
    if word is None:
        return "line 1: there is no statement in the script"
    is_meta = word[0][0] in ".\\:@"  # a command of a client, which the script may begin with
    if not is_meta and re.match(r"[A-Za-z]*", word[0])[0].lower() not in _SQL_STARTS:  # type: ignore[index]  # it matches anything
        return f"line {plain[: word.start()].count(chr(10)) + 1}: no statement of SQL begins with {word[0][:40]}"
    comma = re.search(r",\s*\)", plain)
    if comma is not None:
        return f"line {plain[: comma.start()].count(chr(10)) + 1}: a comma stands before )"
    return None


def _sql_code(text: str) -> str:
    """Blank out comments and quoted texts, dollar quotes too; lines stay where they are."""
    pattern = re.compile(
        r"/\*.*?\*/|--[^\n]*|(?P<tag>\$\w*\$).*?(?P=tag)|'(?:''|\\.|[^'\\])*'|\"(?:\"\"|[^\"])*\"|`[^`]*`|\[[^\]\n\d][^\]\n]*\]",
        re.DOTALL,
    )
    return pattern.sub(lambda match: "x" * (match[0][0] not in "/-") + re.sub(r"[^\n]", "", match[0]), text)


def _unpaired(plain: str) -> str | None:
    """Return the first bracket that closes nothing, or the last that is not closed."""
    opened: list[tuple[str, int]] = []
    for sign, line in _brackets(plain):
        if sign in "([{":
            opened.append((sign, line))
        elif not opened or opened.pop()[0] != _PAIRS[sign]:
            return f"line {line}: a {sign} closes nothing"
    return f"line {opened[-1][1]}: a {opened[-1][0]} is never closed" if opened else None


def _brackets(plain: str) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(plain.split("\n"), start=1):
        yield from ((sign, number) for sign in line if sign in "()[]{}")
