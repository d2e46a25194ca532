"""Looking at an existing folder shows its sources and none of its secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.workspace.files.folder import OutputFolder
from core.workspace.files.listing import list_folder, read_sources

SECRETS = [
    ".env",
    ".env.local",
    "server.pem",
    "private.key",
    "id_rsa",
    "id_ed25519.bak",
    "credentials",
    "aws_credentials.json",
    "credentials.yaml",
    "secrets.toml",
    ".netrc",
    ".npmrc",
    "service-account-prod.json",
]


def fill(root: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def test_sources_are_whole_files_nearest_first(tmp_path: Path) -> None:
    fill(tmp_path, {"src/b.py": "b = 1\r\n", "README.md": "words\n", "src/deep/c.py": "c = 1\n"})

    sources = read_sources(tmp_path, 10_000)

    assert sources.files == (("README.md", "words\n"), ("src/b.py", "b = 1\n"), ("src/deep/c.py", "c = 1\n"))
    assert sources.left_out == ()


@pytest.mark.parametrize("name", SECRETS)
def test_a_file_that_may_hold_a_secret_is_left_out(tmp_path: Path, name: str) -> None:
    fill(tmp_path, {name: "hunter2", ".env.example": "KEY=\n"})

    sources = read_sources(tmp_path, 10_000)

    assert [path for path, _ in sources.files] == [".env.example"]
    assert sources.left_out == (f"{name}: may hold a secret",)


def test_a_private_key_is_known_by_its_content(tmp_path: Path) -> None:
    fill(tmp_path, {"notes.txt": f"-----BEGIN RSA {'PRIVATE'} KEY-----\nabc\n"})

    assert read_sources(tmp_path, 10_000).left_out == ("notes.txt: may hold a secret",)


@pytest.mark.parametrize("name", [".git", "node_modules", ".venv", "__pycache__", ".quintet", "dist"])
def test_folders_of_tools_are_not_entered(tmp_path: Path, name: str) -> None:
    fill(tmp_path, {f"{name}/a.py": "x", f"pkg/{name}/a.py": "x"})

    sources = read_sources(tmp_path, 10_000)

    assert sources.files == ()
    assert sources.left_out == (f"{name}: skipped folder", f"pkg/{name}: skipped folder")


def test_an_environment_is_known_by_its_marker(tmp_path: Path) -> None:
    fill(tmp_path, {"py311/pyvenv.cfg": "x", "py311/lib/a.py": "x"})

    assert read_sources(tmp_path, 10_000).left_out == ("py311: skipped folder",)


def test_links_binaries_and_large_files_are_left_out_with_the_reason(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "root"
    fill(root, {"image.png": b"\x89PNG\0\0", "latin.txt": b"\xe9t\xe9", "big.txt": "x" * 100, "a.py": "x = 1\n"})
    (root / "link.py").symlink_to(root / "a.py")
    (root / "linked").symlink_to(outside)

    sources = read_sources(root, 10_000, max_file_bytes=50)

    assert sources.files == (("a.py", "x = 1\n"),)
    assert sources.left_out == (
        "big.txt: larger than 50 bytes",
        "image.png: binary",
        "latin.txt: binary",
        "link.py: a link",
        "linked: a link",
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")

    assert read_sources(tmp_path, 10_000).left_out == ("pipe.py: not a regular file",)


def test_files_are_never_cut_to_fit_the_budget(tmp_path: Path) -> None:
    fill(tmp_path, {"a.py": "x" * 60, "b.py": "y" * 60, "c.py": "z" * 30})

    sources = read_sources(tmp_path, 100)

    assert [path for path, _ in sources.files] == ["a.py", "c.py"]
    assert sources.left_out == ("b.py: no room left",)


def test_a_listing_names_files_sizes_and_what_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path, {"a.py": "x = 1\n", "src/b.py": "y\n", ".env": "K=1", ".git/config": "x"})

    assert (
        list_folder(tmp_path)
        == "a.py (6 bytes)\nsrc/b.py (2 bytes)\nleft out: .env (may hold a secret), .git (skipped folder)"
    )


def test_a_long_listing_is_cut_with_a_count(tmp_path: Path) -> None:
    fill(tmp_path, {f"f{number}.py": "x" for number in range(9)})

    assert list_folder(tmp_path, max_files=2).split("\n")[-1] == "... and 7 more files"


def test_deep_folders_are_not_entered(tmp_path: Path) -> None:
    fill(tmp_path, {"a/b/c/d.py": "x"})

    assert "a/b (too deep)" in list_folder(tmp_path, max_depth=2)


def test_an_empty_or_missing_folder_is_said(tmp_path: Path) -> None:
    assert list_folder(tmp_path) == "(empty)"
    assert "cannot be read: No such file" in list_folder(tmp_path / "gone")


def test_a_name_with_escape_sequences_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path, {"a\x1b[31m.py": "x"})

    assert read_sources(tmp_path, 100).left_out == ("a.py: unreadable name",)


def test_what_quintet_has_delivered_is_not_reviewed_again(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    folder = OutputFolder(tmp_path / "output" / "earlier-run")
    folder.prepare()
    folder.write("app.py", "x = 2\n", role="code", agent_id="developer", round=0, status="ok")

    assert [path for path, _ in read_sources(tmp_path, 10_000).files] == ["app.py"]
    assert "delivered by Quintet" in list_folder(tmp_path)
    assert [path for path, _ in read_sources(folder.root, 10_000).files if path == "app.py"] == ["app.py"]
