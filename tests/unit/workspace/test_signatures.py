"""What QA sees of a file: its declarations, in Python and in the other languages whose tests can be executed."""

from __future__ import annotations

import pytest

from core.workspace.checks.signatures import signatures_of

JS = """\
const SEPARATOR = ' '

export function count(text, { strict = false } = {}) {
  if (text) {
    return text.split(SEPARATOR).length
  }
  return 0
}

export const double = (n) => n * 2

function hidden() {
  return 1
}

export default class Counter {
  constructor(start) {
    this.n = start
  }

  add(word) {
    for (const letter of word) {
      this.n += 1
    }
  }
}
"""
GO = "package count\n\ntype Counter struct {\n\tn int\n}\n\nfunc (c *Counter) Add(word string) error {\n\treturn nil\n}\n\nfunc hidden() {}\n\nfunc Count(s string) (int, error) {\n\treturn 1, nil\n}\n"
RUST = "pub struct Counter {\n    n: u32,\n}\n\nimpl Counter {\n    pub fn add(&mut self, word: &str) -> u32 {\n        self.n\n    }\n\n    fn hidden(&self) {}\n}\n\npub fn count(text: &str) -> usize {\n    text.len()\n}\n"


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("a.py", "def f(a: int) -> int:\n    return a\n", ("def f(a: int) -> int",)),
        (
            "a.mjs",
            JS,
            (
                "export function count(text, { strict = false } = {})",
                "export const double = (n)",
                "export default class Counter",
                "  constructor(start)",
                "  add(word)",
            ),
        ),
        ("a.cjs", "function f() {}\nmodule.exports = { f }\n", ("module.exports = { f }",)),
        (
            "a.ts",
            "export interface Options {\n  width: number\n}\n\nexport async function wrap(text: string): Promise<string[]> {\n}\n",
            ("export interface Options", "export async function wrap(text: string): Promise<string[]>"),
        ),
        (
            "a.go",
            GO,
            (
                "package count",
                "type Counter struct",
                "func (c *Counter) Add(word string) error",
                "func Count(s string) (int, error)",
            ),
        ),
        (
            "src/lib.rs",
            RUST,
            (
                "pub struct Counter",
                "impl Counter",
                "  pub fn add(&mut self, word: &str) -> u32",
                "pub fn count(text: &str) -> usize",
            ),
        ),
        ("a.sh", "#!/bin/sh\nusage() {\n  echo x\n}\nfunction main {\n  usage\n}\n", ("usage()", "function main")),
        (
            "A.java",
            "public class A {\n    public static int add(int a, int b) {\n    }\n}\n",
            ("public class A", "  public static int add(int a, int b)"),
        ),
        ("a.unknown", "text\n", ()),
    ],
)
def test_declarations_are_found(path: str, text: str, found: tuple[str, ...]) -> None:
    assert signatures_of(path, text) == found


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["export ", "func (", "pub fn ", "a ", "  a(", "class ", "x<", "{", "\n", "public static "]
)
@pytest.mark.parametrize("suffix", [".mjs", ".go", ".rs", ".sh", ".java", ".rb"])
def test_a_hostile_file_takes_no_time(suffix: str, piece: str) -> None:
    signatures_of(f"a{suffix}", piece * (20_000 // len(piece)))
