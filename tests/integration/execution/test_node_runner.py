"""The real `node --test` in the real sandbox."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from core.execution.not_executed import NotExecuted
from core.execution.results import CodePlace
from core.execution.runners.node.needs import runs_tests, runs_typescript
from core.execution.runners.node.runner import NodeRunner
from core.execution.sandbox.bubblewrap import Bubblewrap, find_bwrap
from core.execution.sandbox.command import Limits
from tests.support.delivered_trees import LIMITS, run_tests, verified
from tests.support.python_trees import write_tree

pytestmark = [
    pytest.mark.skipif(find_bwrap() is None, reason="there is no bubblewrap for this machine"),
    pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed"),
]

ADD = {
    "add.mjs": "export const LIMIT = 3;\nexport function add(a, b) {\n  if (a === null) throw new TypeError('no');\n  return a + b;\n}\n"
}
HEAD = "import test, { describe, it } from 'node:test';\nimport assert from 'node:assert';\nimport { add, LIMIT } from './add.mjs';\n"
GREEN = f"{HEAD}test('adds', () => {{ assert.strictEqual(add(1, 2), 3); }});\n"


def test_what_is_green_is_green(tmp_path: Path) -> None:
    test = f"{GREEN}describe('more', () => {{ it('adds twice', async (t) => {{ await t.test('inner', () => {{ assert.equal(add(2, 2), 4); }}); }}); }});\n"

    suite = run_tests(tmp_path, ADD, {"add.test.mjs": test})

    assert suite.is_green, suite
    assert sorted(suite.collected) == ["add.test.mjs::adds", "add.test.mjs::more > adds twice"]


def test_required_modules_and_plain_scripts_are_tests_too(tmp_path: Path) -> None:
    code = {"lib.js": "exports.double = (n) => n * 2;\n", "package.json": '{"name": "x"}'}
    tests = {
        "lib.test.js": "const { test } = require('node:test');\nconst assert = require('assert');\nconst { double } = require('./lib');\ntest('doubles', () => assert.equal(double(2), 4));\n",
        "plain.test.js": "const assert = require('assert');\nassert.equal(require('./lib').double(3), 6);\n",
    }  # fmt: skip

    suite = run_tests(tmp_path, code, tests)

    assert suite.is_green, suite
    assert sorted(suite.collected) == ["lib.test.js::doubles", "plain.test.js::script"]


RED = {
    "an assertion": ("test('x', () => { assert.strictEqual(add(1, 2), 4); });", "AssertionError: Expected values to be strictly equal: 3 !== 4"),
    "an exception": ("test('x', () => { add(null); });", "TypeError: no"),
    "an exception within": ("test('x', async (t) => { await t.test('y', () => { add(null); }); });", "TypeError: no"),
    "nothing to run": ("describe('x', () => {});", ""),
    "process.exit at its start": ("process.exit(0);\ntest('x', () => {});", "none of them was reported"),
    "process.exit in a test": ("test('x', () => { process.exit(0); });\ntest('y', () => {});", "none of them was reported"),
    "a name that is not there": ("import { sub } from './add.mjs';\ntest('x', () => sub(1));", "does not provide an export named 'sub'"),
    "a module that is not there": ("import './sub.mjs';", "Cannot find module"),
    "no syntax": ("test('x', () => {", "SyntaxError"),
    "the test is skipped": ("test.skip('x', () => {});", ""),
    "it deletes itself": ("import fs from 'node:fs';\ntest('x', () => { fs.unlinkSync('x.test.mjs'); });", "changed or deleted delivered files"),
    "the network": ("test('x', async () => { await fetch('http://example.com'); });", "fetch failed"),
    "jest": ("expect(1).toBe(1);", "expect is not defined"),
}  # fmt: skip


@pytest.mark.parametrize(("test", "says"), RED.values(), ids=RED.keys())
def test_what_is_red_says_why(test: str, says: str, tmp_path: Path) -> None:
    suite = run_tests(tmp_path, ADD, {"x.test.mjs": f"{HEAD}{test}\n"})

    assert not suite.is_green
    told = [suite.disagreement, *(case.message for case in suite.cases), *(broken.message for broken in suite.broken)]
    assert says in "\n".join(told)


def test_a_test_that_never_ends_is_ended(tmp_path: Path) -> None:
    suite = run_tests(
        tmp_path, ADD, {"x.test.mjs": f"{HEAD}test('x', () => {{ for (;;); }});\n"}, Limits(wall_seconds=4)
    )

    assert suite.end == "wall_time"
    assert not suite.is_green


def test_the_line_of_the_code_is_told(tmp_path: Path) -> None:
    suite = run_tests(tmp_path, ADD, {"x.test.mjs": f"{HEAD}test('x', () => {{ add(null); }});\n"})

    assert [case.place for case in suite.cases] == [CodePlace("add.mjs", 3)]


def test_tests_are_judged_against_code_that_does_nothing(tmp_path: Path) -> None:
    test = (
        f"{HEAD}test('value', () => {{ assert.strictEqual(add(1, 2), 3); }});\n"
        "test('called', () => { add(1, 2); });\n"
        "test('any', () => { assert.throws(() => add(null, 1)); });\n"
        "test('named', () => { assert.throws(() => add(null, 1), TypeError); });\n"
        "test('constant', () => { assert.equal(LIMIT, 3); });\n"
    )

    evidence = verified(tmp_path, ADD, {"add.test.mjs": test})

    assert evidence.verdict == "pass", evidence
    assert {case_id.partition("::")[2] for case_id in evidence.proving} == {"value", "named"}


def test_programs_are_hollow_too(tmp_path: Path) -> None:
    code = {
        "tool.js": "#!/usr/bin/env node\nfunction main(words) { console.log(words.join('-')); }\nmain(process.argv.slice(2));\nmodule.exports = { main };\n"
    }
    test = (
        "const { test } = require('node:test');\nconst assert = require('assert');\nconst { spawnSync } = require('child_process');\n"
        "const run = (...words) => spawnSync(process.execPath, ['tool.js', ...words], { encoding: 'utf8' });\n"
        "test('prints', () => { assert.equal(run('a', 'b').stdout, 'a-b\\n'); });\n"
        "test('exits', () => { assert.equal(run('a').status, 0); });\n"
    )  # fmt: skip

    evidence = verified(tmp_path, code, {"tool.test.js": test})

    assert evidence.verdict == "pass", evidence
    assert evidence.proving == ("tool.test.js::prints",)


NOT_HERE = {
    "a package": ({"package.json": '{"dependencies": {"left-pad": "1"}}', "a.js": "require('left-pad');\n"}, "left-pad"),
    "another test tool": ({"package.json": '{"devDependencies": {"vitest": "1"}}', "a.js": "import { it } from 'vitest';\n"}, "vitest"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "named"), NOT_HERE.values(), ids=NOT_HERE.keys())
def test_what_is_not_here_is_named(files: dict[str, str], named: str, tmp_path: Path) -> None:
    tree = write_tree(tmp_path, files | {"a.test.js": "require('./a.js');\n"})

    outcome = asyncio.run(NodeRunner().run(tree, ["a.test.js"], list(files), Bubblewrap(), LIMITS))

    assert isinstance(outcome, NotExecuted)
    assert named in outcome.reason


@pytest.mark.parametrize(
    ("version", "runs"),
    [("v20.20.2", False), ("v22.17.1", False), ("v22.18.0", True), ("v23.5.0", False), ("v23.6.1", True), ("v24.0.0", True), ("", False)],
)  # fmt: skip
def test_which_versions_run_typescript(version: str, runs: bool) -> None:
    assert runs_typescript(version) == runs


@pytest.mark.parametrize(
    ("version", "runs"), [("v18.20.1", False), ("v20.5.1", False), ("v20.6.0", True), ("v22.0.0", True), ("?", False)]
)
def test_which_versions_run_tests(version: str, runs: bool) -> None:
    assert runs_tests(version) == runs


def test_typescript_runs_or_says_what_it_needs(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {"a.ts": "export const n: number = 1;\n", "a.test.ts": "import test from 'node:test';\nimport { n } from './a.ts';\ntest('n', () => { if (n !== 1) throw new Error('no'); });\n"})  # fmt: skip

    outcome = asyncio.run(NodeRunner().run(tree, ["a.test.ts"], ["a.ts"], Bubblewrap(), LIMITS))

    if isinstance(outcome, NotExecuted):
        assert "does not run TypeScript" in outcome.reason
        assert "22.18" in outcome.hint
    else:
        assert outcome.is_green
