"""The gate for paths: every attack we know is refused by name, every ordinary path passes."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import ArtifactError
from core.workspace.files.paths import looks_like_path, safe_relative_path

ORDINARY = [
    ("app.py", "app.py"),
    ("src/todo/cli.py", "src/todo/cli.py"),
    ("./src/app.py", "src/app.py"),
    ("Dockerfile", "Dockerfile"),
    (".github/workflows/ci.yml", ".github/workflows/ci.yml"),
    (".gitignore", ".gitignore"),
    ("pkg/__init__.py", "pkg/__init__.py"),
    ("my notes.md", "my notes.md"),
    ("pages/[id].tsx", "pages/[id].tsx"),
    ("console.py", "console.py"),
    ("a..b.txt", "a..b.txt"),
    ("cafe\u0301.txt", "café.txt"),
    ("日本/語.md", "日本/語.md"),
    ("\u0646\u0627\u0645\u0647\u200c\u0647\u0627.txt", "\u0646\u0627\u0645\u0647\u200c\u0647\u0627.txt"),
    ("\U0001f469\u200d\U0001f467.md", "\U0001f469\u200d\U0001f467.md"),
    ("x" * 96 + ".py", "x" * 96 + ".py"),
]


@pytest.mark.parametrize(("raw", "expected"), ORDINARY)
def test_an_ordinary_path_passes(raw: str, expected: str) -> None:
    assert str(safe_relative_path(raw)) == expected


ATTACKS = [
    ("../x", "traversal"),
    ("a/../../x", "traversal"),
    ("a/..", "traversal"),
    ("..", "traversal"),
    ("\u2025/x", "traversal"),
    ("\uff0e\uff0e\uff0fx", "traversal"),
    ("a\uff0fb", "traversal"),
    ("a\uff3cb", "traversal"),
    ("/x", "absolute"),
    ("//server/share", "absolute"),
    ("~/x", "absolute"),
    ("~root/x", "absolute"),
    ("C:\\x", "drive"),
    ("C:x", "drive"),
    ("c:/x", "drive"),
    ("..\\x", "backslash"),
    ("a\\b", "backslash"),
    ("\\\\server\\share", "backslash"),
    ("CON", "reserved"),
    ("con.txt", "reserved"),
    ("src/Nul.py", "reserved"),
    ("COM1.log", "reserved"),
    ("lpt\u00b9", "reserved"),
    ("aux .py", "reserved"),
    ("http://h/x", "scheme"),
    ("file:///etc/passwd", "scheme"),
    ("a\0b", "control"),
    ("a\nb", "control"),
    ("a\rb", "control"),
    ("a\x1b[31m.py", "control"),
    ("a\x7f", "control"),
    ("a\u202egnp.py", "control"),
    ("a\u200b.py", "control"),
    ("a\u200d.py", "control"),
    ("\u200c.py", "control"),
    ("a\u00ad.py", "control"),
    ("x\u3164.py", "control"),
    ("\ufeffa.py", "control"),
    ("a\u2028b", "control"),
    ("a\ud800", "control"),
    ("", "empty"),
    ("   ", "empty"),
    ("a/" * 99 + "abc", "too_long"),
    ("x" * 300, "too_long"),
    ("x" * 101, "too_long"),
    ("語" * 90, "too_long"),
    ("src/", "trailing_slash"),
    (" a.py", "spaces"),
    ("a.py ", "spaces"),
    ("a /b.py", "spaces"),
    ("a.", "spaces"),
    ("a./b", "spaces"),
    ("a//b", "characters"),
    ("a/./b", "characters"),
    (".", "characters"),
    ("localhost:8000", "characters"),
    ("a.py:stream", "characters"),
    ("what?.py", "characters"),
    ("a*.py", "characters"),
    ("a|b", "characters"),
    ("-rf", "characters"),
    ("127.0.0.1", "address"),
    ("localhost", "address"),
    ("www.example.com", "address"),
    ("Bearer <token>", "header"),
    ("Bearer abc.def", "header"),
    ("GET /index.html", "header"),
    ("Content-Type: text/html", "characters"),
    ("the main file", "header"),
    ("<path>", "placeholder"),
    ("path/to/file.py", "placeholder"),
    ("your_file.py", "placeholder"),
    ("filename.ext", "placeholder"),
    ("{name}.py", "placeholder"),
    ("$HOME/x", "placeholder"),
    ("src/.../x.py", "placeholder"),
    (".git/config", "own_folder"),
    ("a/.GIT/hooks/x", "own_folder"),
    ("git~1/x", "own_folder"),
    (".quintet/versions/a", "own_folder"),
]


@pytest.mark.parametrize(("raw", "kind"), ATTACKS, ids=[ascii(raw)[:40] for raw, _ in ATTACKS])
def test_an_attack_is_refused_by_the_rule_it_breaks(raw: str, kind: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        safe_relative_path(raw)

    assert caught.value.kind == kind
    assert caught.value.hint
    assert len(caught.value.message) < 300
    assert caught.value.message.isprintable()


pieces = st.lists(
    st.sampled_from(["..", ".", "/", "\\", "a", "C:", "~", " ", "\0", "CON", ".git", "\u2025", "\uff0f", "%2e", "b.py"])
).map("".join)


@given(raw=st.text(max_size=60) | pieces)
@example(raw="a/../..")
def test_an_accepted_path_never_leaves_the_folder_on_any_system(raw: str) -> None:
    try:
        path = safe_relative_path(raw)
    except ArtifactError:
        return

    root = Path("/tmp/quintet-root")  # noqa: S108 - only computed with, never touched
    assert (root / path).resolve().is_relative_to(root)
    windows = PureWindowsPath("C:\\root") / str(path)
    assert windows.drive == "C:"
    assert windows.parts[:2] == ("C:\\", "root")
    assert ".." not in windows.parts
    assert safe_relative_path(str(path)) == path


@pytest.mark.parametrize("token", ["app.py", "src/app", "Dockerfile", ".gitignore", "a-b.c.txt", "./x.md", "[id].tsx"])
def test_a_file_name_is_told_from_a_word(token: str) -> None:
    assert looks_like_path(token) == (token != "src/app")


@pytest.mark.parametrize("token", ["word", "e.g.", "i.e.", "1.5", "...", "a b.py", "http://x.py", "Note:", ""])
def test_a_word_is_no_file_name(token: str) -> None:
    assert not looks_like_path(token)
