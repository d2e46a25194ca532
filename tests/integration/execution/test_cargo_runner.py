"""The real `cargo test` in the real sandbox."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
from pathlib import Path

import pytest

from core.execution.not_executed import NotExecuted
from core.execution.results import CodePlace
from core.execution.runners.cargo.runner import CargoRunner
from core.execution.sandbox.bubblewrap import Bubblewrap, find_bwrap
from tests.support.delivered_trees import LIMITS, run_tests, verified
from tests.support.python_trees import write_tree

pytestmark = [
    pytest.mark.skipif(find_bwrap() is None, reason="there is no bubblewrap for this machine"),
    pytest.mark.skipif(shutil.which("cargo") is None or shutil.which("cc") is None, reason="Rust is not installed"),
]

MANIFEST = '[package]\nname = "calc"\nversion = "0.1.0"\nedition = "2021"\n'
CODE = "/// Adds.\n/// ```\n/// assert_eq!(calc::add(1, 2), 3);\n/// ```\npub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n\npub fn first(v: &[i32]) -> impl Iterator<Item = i32> + '_ {\n    v[0];\n    v.iter().copied()\n}\n"
INNER = "\n#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    fn inner() {\n        assert_eq!(add(1, 1), 2);\n    }\n}\n"
USE = "use calc::{add, first};\n"


@pytest.fixture(autouse=True)
def _rust_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests have homes of their own, and rustup keeps its tools in the user's.
    if "RUSTUP_HOME" not in os.environ:
        monkeypatch.setenv("RUSTUP_HOME", str(Path(pwd.getpwuid(os.getuid()).pw_dir, ".rustup")))


def test_tests_of_all_kinds_run_and_are_judged(tmp_path: Path) -> None:
    code = {"Cargo.toml": MANIFEST, "src/lib.rs": CODE + INNER}
    test = f"{USE}#[test]\nfn adds() {{ assert_eq!(add(1, 2), 3); }}\n#[test]\n#[should_panic]\nfn panics() {{ first(&[]).count(); }}\n"

    evidence = verified(tmp_path, code, {"tests/calc.rs": test})

    assert evidence.verdict == "pass", evidence
    assert set(evidence.proving) == {
        "tests/calc.rs::adds",
        "src/lib.rs::tests::inner",
        "src/lib.rs - add (line 2)",
    }
    assert evidence.vacuous == ("tests/calc.rs::panics",)


def test_what_is_red_says_why_and_where(tmp_path: Path) -> None:
    code = {"Cargo.toml": MANIFEST, "src/lib.rs": CODE}
    test = f"{USE}#[test]\nfn wrong() {{ assert_eq!(add(1, 2), 4); }}\n#[test]\nfn empty() {{ first(&[]).count(); }}\n"

    suite = run_tests(tmp_path, code, {"tests/calc.rs": test})

    red = {case.name: case for case in suite.cases if case.outcome == "failed"}
    assert red["wrong"].message == "assertion `left == right` failed left: 3 right: 4"
    assert red["wrong"].place is None
    assert red["empty"].message == "index out of bounds: the len is 0 but the index is 0"
    assert red["empty"].place == CodePlace("src/lib.rs", 10)
    assert suite.exit_code == 101
    assert not suite.disagreement


def test_a_tree_without_a_manifest_gets_one(tmp_path: Path) -> None:
    suite = run_tests(tmp_path, {"calc.rs": CODE}, {"calc_test.rs": f"{USE}#[test]\nfn adds() {{ assert_eq!(add(1, 2), 3); let _ = first; }}\n"})  # fmt: skip

    assert suite.is_green, suite


BROKEN = {
    "the code": ("pub fn add(a: i32) -> i32 { nope }\n", "use calc::add;\n#[test]\nfn x() { add(1); }\n", "src/lib.rs", "cannot find value `nope`"),
    "the test": (CODE, "use calc::sub;\n#[test]\nfn x() { sub(1); }\n", None, "unresolved import `calc::sub`"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "test", "place", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_what_does_not_compile_is_told(code: str, test: str, place: str | None, says: str, tmp_path: Path) -> None:
    suite = run_tests(tmp_path, {"Cargo.toml": MANIFEST, "src/lib.rs": code}, {"tests/calc.rs": test})

    assert [broken.path for broken in suite.broken] == ["tests/calc.rs"]
    assert says in suite.broken[0].message
    found = suite.broken[0].place
    assert (found.path if found is not None else None) == place
    assert not suite.is_green


def test_a_test_that_ends_the_process_is_not_green(tmp_path: Path) -> None:
    test = f"{USE}#[test]\nfn adds() {{ let _ = (add, first); std::process::exit(0); }}\n"

    suite = run_tests(tmp_path, {"Cargo.toml": MANIFEST, "src/lib.rs": CODE}, {"tests/calc.rs": test})

    assert not suite.is_green
    assert "a separate collection found" in suite.disagreement


def test_crates_from_elsewhere_are_named(tmp_path: Path) -> None:
    tree = write_tree(
        tmp_path, {"Cargo.toml": f'{MANIFEST}[dependencies]\nserde = "1"\n', "src/lib.rs": CODE, "tests/calc.rs": USE}
    )

    outcome = asyncio.run(CargoRunner().run(tree, ["tests/calc.rs"], ["src/lib.rs"], Bubblewrap(), LIMITS))

    assert isinstance(outcome, NotExecuted)
    assert "serde" in outcome.reason
