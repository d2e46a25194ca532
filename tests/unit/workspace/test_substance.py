"""A file is more than its form: comments alone, a test file without tests and a module that imports itself are none."""

from __future__ import annotations

import pytest

from core.errors import ArtifactError
from core.workspace.checks.known_packages import known_packages
from core.workspace.checks.substance import refuse_hollow

REFUSED = [
    ("slugify.py", "# slugify\n", False, "no_code"),
    ("slugify.py", '"""Slugs."""\n', False, "no_code"),
    ("slugify.py", "pass\n", False, "no_code"),
    ("slugify.py", "{'name': 'x'}\n", False, "no_code"),
    ("run.sh", "#!/bin/sh\n", False, "no_code"),
    ("run.sh", "#!/bin/sh\n# to do\n\n# more\n", False, "no_code"),
    ("run", "#!/usr/bin/env bash\n", False, "no_code"),
    ("a.mjs", "// a\n/* b\n c */\n", False, "no_code"),
    ("a.rs", "// a\n", False, "no_code"),
    ("a.sql", "-- a\n", False, "no_code"),
    ("a.html", "<!-- a\n-->\n", False, "no_code"),
    ("a.css", "/* a */\n", False, "no_code"),
    ("Makefile", "# a\n", False, "no_code"),
    ("slugify.py", "from slugify import slugify\n\nprint(slugify('a'))\n", False, "imports_itself"),
    ("slugify.py", "import slugify\n\nslugify.run()\n", False, "imports_itself"),
    ("slugify.py", "def f():\n    from slugify import g\n    return g\n", False, "imports_itself"),
    ("count.mjs", "import { count } from './count.mjs'\nconsole.log(count('a'))\n", False, "imports_itself"),
    ("count.js", "const { count } = require('./count')\nconsole.log(count('a'))\n", False, "imports_itself"),
    ("test_slugify.py", "from slugify import slugify\n\nassert slugify('a') == 'a'\n", True, "no_test"),
    ("test_slugify.py", "def slugify(text):\n    return text\n", True, "no_test"),
    ("count.test.mjs", "import { count } from './count.mjs'\nconsole.log(count('a'))\n", True, "no_test"),
    ("count_test.go", "package count\n\nfunc Count() int { return 1 }\n", True, "no_test"),
    ("tests/test_count.rs", "fn main() {}\n", True, "no_test"),
]
TAKEN = [
    ("pkg/__init__.py", "\n", False),
    ("pkg/__init__.py", '"""A package."""\n', False),
    ("pkg/__init__.py", "from pkg.slug import slugify\n", False),
    ("pkg/__main__.py", "from pkg import run\n\nrun()\n", False),
    ("constants.py", "LIMIT = 3\n", False),
    ("main.py", "print('hello')\n", False),
    ("slugify.py", "from slugify_words import words\n\nprint(words)\n", False),
    ("count.mjs", "import { words } from './words.mjs'\nconsole.log(words)\n", False),
    ("test_a.py", "def test_a():\n    assert True\n", True),
    ("test_a.py", "class TestA:\n    def test_a(self):\n        assert True\n", True),
    ("test_a.py", "import doctest\n\nimport a\n\ndoctest.testmod(a)\n", True),
    ("a.test.mjs", "import test from 'node:test'\ntest('a', () => {})\n", True),
    ("a_test.go", "package a\n\nfunc TestA(t *testing.T) {}\n", True),
    ("tests/a.rs", "#[test]\nfn a() {}\n", True),
    ("tests/a.rs", "#[tokio::test]\nasync fn a() {}\n", True),
    ("test_run.sh", "#!/bin/sh\n./run.sh || exit 1\n", True),
    ("notes.md", "# A heading\n", False),
    ("a.sql", "-- a\nSELECT 1;\n", False),
    ("run.sh", "#!/bin/sh\necho hi\n", False),
]


@pytest.mark.parametrize(("path", "text", "is_test", "kind"), REFUSED)
def test_what_is_no_file_is_refused(path: str, text: str, is_test: bool, kind: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        refuse_hollow(path, text, module=path.removesuffix(".py").replace("/", "."), is_test=is_test)

    assert caught.value.kind == kind
    assert path in caught.value.message


@pytest.mark.parametrize(("path", "text", "is_test"), TAKEN)
def test_what_is_one_is_taken(path: str, text: str, is_test: bool) -> None:
    refuse_hollow(path, text, module=path.removesuffix(".py").replace("/", "."), is_test=is_test)


@pytest.mark.parametrize(
    ("text", "words", "declaring", "unknown"),
    [
        ("import os, json\nfrom pathlib import Path\n", "", {}, ()),
        ("import kit.slug\nfrom helpers import x\n", "", {}, ()),
        ("import requests\n", "", {}, ("requests",)),
        ("import requests.adapters\nfrom rich.table import Table\n", "", {}, ("requests", "rich")),
        ("import requests\n", "Fetch a page using requests.", {}, ()),
        ("from bs4 import BeautifulSoup\n", "with BeautifulSoup", {}, ()),
        ("import yaml\n", "", {"requirements.txt": "# packages\nPyYAML>=6 ; python_version > '3'\n"}, ()),
        ("from PIL import Image\n", "", {"requirements.txt": "pillow\n"}, ()),
        ("import flask_sqlalchemy\n", "", {"requirements.txt": "Flask-SQLAlchemy==3\n"}, ()),
        ("from werkzeug.utils import x\n", "A Flask app", {}, ()),
        ("import numpy as np\nimport pandas as pd\n", "Use pandas", {}, ()),
        ("import httpx\n", "", {"pyproject.toml": '[project]\nname = "x"\ndependencies = ["httpx>=0.27"]\n'}, ()),
        ("import httpx\n", "", {"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"\nhttpx = "*"\n'}, ()),
        ("import httpx\n", "", {"pyproject.toml": '[dependency-groups]\ndev = ["httpx"]\n'}, ()),
        ("import httpx\n", "", {"pyproject.toml": "this is no TOML"}, ("httpx",)),
        ("try:\n    import ujson\nexcept ImportError:\n    ujson = None\n", "", {}, ()),
        ("try:\n    import ujson\nexcept ValueError:\n    ujson = None\n", "", {}, ("ujson",)),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import attrs\n", "", {}, ()),
        ("from . import slug\nfrom .wrap import wrap\n", "", {}, ()),
        ("import pytest\n", "", {}, ("pytest",)),
        ("this is no Python", "", {}, ()),
    ],
)
def test_a_package_is_known_by_the_project_its_declarations_or_the_task(
    text: str, words: str, declaring: dict[str, str], unknown: tuple[str, ...]
) -> None:
    known = known_packages(["kit/__init__.py", "kit/slug.py", "helpers.py"], declaring, words)

    assert known.unknown_in(text, is_test=False) == unknown


def test_tests_may_import_their_runner() -> None:
    assert known_packages([], {}, "").unknown_in("import pytest\nimport hypothesis\n", is_test=True) == ("hypothesis",)
