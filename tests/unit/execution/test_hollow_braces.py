"""JavaScript, Go and Rust that do nothing: where the refusal is put in, whatever quotes and braces there are around it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.execution.hollow.compiled import hollow_go, hollow_rust
from core.execution.hollow.javascript import hollow_javascript
from core.execution.hollow.mask import BraceLanguage, masked
from core.execution.hollow.variant import HOLLOW_VARIANTS

MASKS: dict[str, tuple[BraceLanguage, str, str]] = {
    "a comment": ("javascript", "a // {\nb", "a     \nb"),
    "a long comment": ("rust", "a /* { */ b", "a         b"),
    "a string": ("javascript", "f('{\\'')", 'f("   ")'),
    "a template": ("javascript", "`${ '}' + `{` } {`;", '"                "; '.rstrip()),
    "a pattern": ("javascript", "x = /[/{]\"/g", 'x = /     /g'.replace("/", " ").replace("      ", "      ")),
    "a division": ("javascript", "a / b / c", "a / b / c"),
    "a lifetime": ("rust", "fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
    "a character": ("rust", "'{' '\\u{1F}'", '" " "      "'),
    "a raw string": ("rust", 'r#"{"}"# x', '"      " x'),
    "a raw string of Go": ("go", "x := `{\n`", 'x := " \n"'),
}  # fmt: skip


@pytest.mark.parametrize(("language", "text", "wanted"), MASKS.values(), ids=MASKS.keys())
def test_the_insides_of_quotes_are_blank(language: BraceLanguage, text: str, wanted: str) -> None:
    result = masked(text, language)

    assert len(result) == len(text)
    assert "{" not in result or "{" in wanted
    if language != "javascript" or "/[" not in text:
        assert result.split() == wanted.split()


@given(st.text(alphabet="ab{}()'\"`/\\*\n$r#=> ,;", max_size=60), st.sampled_from(["javascript", "go", "rust"]))
def test_any_text_keeps_its_length_and_its_lines(text: str, language: BraceLanguage) -> None:
    result = masked(text, language)

    assert len(result) == len(text)
    assert [at for at, char in enumerate(result) if char == "\n"] == [
        at for at, char in enumerate(text) if char == "\n"
    ]
    for variant in HOLLOW_VARIANTS:
        hollow_javascript(text, variant)
    hollow_go(text)
    hollow_rust(text)


JAVASCRIPT = {
    "a function": "export function f(a, b = { c: 1 }) { return a; }",
    "an arrow": "export const f = (a, b) => a + b;",
    "an arrow with an object": "export const f = (a) => ({ a });",
    "an arrow over lines": "export const f = (xs) =>\n  xs\n    .map((x) => x * 2)\n    .filter(Boolean)\nexport const g = 1",
    "an arrow in an arrow": "export const f = (a) => (b) => a + b",
    "an arrow as an argument": "export const f = [1].map((x) => x + 1, null);",
    "a class": "export class F extends Array { #n = 1; constructor(n) { super(n); } get size() { return this.#n; } static *of() { yield 1; } async go() {} }",
    "an object's methods": "export const f = { a() { return 1; }, b: async (x) => x, get c() { return 2; }, ['d']() {} };",
    "control": "export function f() {}\nif (1) { f(); } else if (2) {}\nfor (const a of []) { }\nwhile (0) { }\nswitch (1) { case 1: { } }\ntry { } catch (e) { }",
    "a default": "export default async function () { return 1; }",
    "quotes": "export const f = (a) => `${a ? `}` : '{'} {` + /[/{]'/.source; // => {\nexport const g = 'x => {';",
    "a ternary": "export const f = (a) => a ? 1 : 2, g = 3;",
    "a condition with a division": "export const f = (a, b) => { return a / b / 2; };",
    "a constant computed here": "const f = (n) => [n, n];\nexport const g = f(2).map((x) => x)[0].y.z;\nexport const [h] = f(1);",
}  # fmt: skip


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
@pytest.mark.parametrize("text", JAVASCRIPT.values(), ids=JAVASCRIPT.keys())
def test_hollow_javascript_is_loaded_and_offers_the_same(text: str, tmp_path: Path) -> None:
    originals = names_of(tmp_path / "original.mjs", text)
    for variant in HOLLOW_VARIANTS:
        assert names_of(tmp_path / f"{variant}.mjs", hollow_javascript(text, variant)) >= originals


def names_of(path: Path, text: str) -> set[str]:
    path.write_text(text, encoding="utf-8")
    ask = "import(process.argv[2]).then(m => console.log(Object.keys(m).join(' ')), e => console.log(e.name === 'TypeError' ? '' : String(e)))"
    done = subprocess.run(["node", "-e", ask, "x", str(path)], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


GO = {
    "a function": ("func Add(a, b int) int {\n\treturn a + b\n}\n", 1),
    "a method": ("func (s *Stack) Push(n int) {\n\ts.items = append(s.items, n)\n}\n", 1),
    "several results": ("func Div(a, b int) (int, error) { return a / b, nil }\n", 1),
    "a function as a result": ("func Make() func(int) int { return nil }\n", 1),
    "an interface as a parameter": ("func Show(v interface{}) interface{} { return v }\n", 1),
    "type parameters": ("func Max[T int | float64](a, b T) T { return a }\n", 1),
    "no body": ("func asm(a int) int\n", 0),
    "in a comment": ("// func Add() {\nvar s = `\nfunc Not() {}`\n", 0),
}  # fmt: skip


@pytest.mark.parametrize(("text", "count"), GO.values(), ids=GO.keys())
def test_each_go_function_panics(text: str, count: int) -> None:
    assert hollow_go(text).count("panic(") == count
    assert hollow_go(text).replace(' if true { panic("HollowError: this copy of the code does nothing") };', "") == text


def test_a_go_program_ends_at_once() -> None:
    assert (
        hollow_go("package main\n\nfunc main() {\n\tprintln(1)\n}\n")
        == "package main\n\nfunc main() { if true { return };\n\tprintln(1)\n}\n"
    )


RUST = {
    "a function": ("pub fn add(a: i32, b: i32) -> i32 { a + b }", 1),
    "a lifetime": ("fn first<'a>(s: &'a str) -> &'a str { s }", 1),
    "a condition on types": ("fn f<T>(t: T) -> impl Iterator<Item = T> where T: Clone { std::iter::once(t) }", 1),
    "methods": ("impl A { pub fn new() -> Self { A {} } fn go(&self); }", 1),
    "for the compiler": ("const fn n() -> usize { 3 }", 0),
    "tests": ("fn f() {}\n#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    fn x() { f(); }\n    fn helper() {}\n}\n", 1),
    "a test alone": ("#[test]\nfn x() { assert!(true); }", 0),
}  # fmt: skip


@pytest.mark.parametrize(("text", "count"), RUST.values(), ids=RUST.keys())
def test_each_rust_function_panics(text: str, count: int) -> None:
    assert hollow_rust(text).count("panic!(") == count


def test_a_rust_program_ends_at_once() -> None:
    assert "std::process::exit(0)" in hollow_rust('fn main() { println!("1"); }')
