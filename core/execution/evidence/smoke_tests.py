"""Tests that only say that the code runs: calls with inputs that a model proposed, and the types that come back."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from core.execution.evidence.examples.literals import source_of
from core.text.python_syntax import syntax_tree

MAX_FUNCTIONS = 3
MAX_CALLS = 3  # of one function
EVERYDAY_VALUES: tuple[object, ...] = ("abc", "Hello World", 3, 12, 2.5, [3, 1, 2], ["b", "a"], {"a": 1}, True)

_HEAD = '"""Calls that show that the code runs, not that it is right; made by Quintet, of inputs that were proposed or tried."""\n'
_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "bytes": (bytes,),
    "list": (list,),
    "dict": (dict,),
    "tuple": (tuple,),
    "set": (set,),
}

Arguments = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class TriedFunction:
    """A function that can be called with positional arguments; a type is empty where the code does not name one of Python's own.

    `required` is how many arguments it needs at least.
    """

    name: str
    types: tuple[str, ...]
    required: int
    returns: str


def functions_to_try(text: str) -> tuple[TriedFunction, ...]:
    """Return the public functions of a Python file that take arguments and are no coroutines, the first 3."""
    tree = syntax_tree(text)
    if tree is None:
        return ()
    found = [_function(node) for node in tree.body if isinstance(node, ast.FunctionDef) and _is_public(node)]
    return tuple(found)[:MAX_FUNCTIONS]


def build_smoke_tests(
    module: str, proposals: Mapping[TriedFunction, Sequence[Arguments]], known: Mapping[str, Sequence[Arguments]]
) -> str:
    """Return a test file that calls functions of `module`, or an empty text when no proposed call is fit to be made.

    A call is fit when each argument has the type that the function names for it, or else the type that the task's examples
    give it (`known`, by function): what code does with a type it is not meant for says nothing. A ValueError is an answer.
    """
    tests: list[str] = []
    for function, proposed in proposals.items():
        examples = known.get(function.name, ())
        fit = [
            arguments for arguments in proposed if arguments not in examples and _fits(function, arguments, examples)
        ]
        tests += [
            _test(module, function, arguments, number) for number, arguments in enumerate(fit[:MAX_CALLS], start=1)
        ]
    return _HEAD + "".join(tests) if tests else ""


def build_observed_tests(module: str, observed: Mapping[TriedFunction, Sequence[tuple[Arguments, object]]]) -> str:
    """Return a test file of calls that were tried and came back, with the type of what came; empty if there are none."""
    tests = [
        _test(module, replace(function, returns=_observed_type(value)), arguments, number)
        for function, calls in observed.items()
        for number, (arguments, value) in enumerate(calls[:MAX_CALLS], start=1)
    ]
    return _HEAD + "".join(tests) if tests else ""


def everyday_arguments(function: TriedFunction) -> tuple[Arguments, ...]:
    """Return arguments to try a function with whose types nobody has named: the same kind of value for each."""
    return tuple((value,) * max(function.required, 1) for value in EVERYDAY_VALUES)


def _observed_type(value: object) -> str:
    name = type(value).__name__
    return name if name in _TYPES else ""


def _is_public(node: ast.FunctionDef) -> bool:
    plain = node.args.posonlyargs + node.args.args
    needs_keywords = any(default is None for default in node.args.kw_defaults)
    return bool(plain) and not node.name.startswith("_") and node.name != "main" and not needs_keywords


def _function(node: ast.FunctionDef) -> TriedFunction:
    plain = node.args.posonlyargs + node.args.args
    return TriedFunction(
        name=node.name,
        types=tuple(_type_name(parameter.annotation) for parameter in plain),
        required=len(plain) - len(node.args.defaults),
        returns=_type_name(node.returns),
    )


def _type_name(annotation: ast.expr | None) -> str:
    while isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    name = annotation.id if isinstance(annotation, ast.Name) else ""
    return name if name in _TYPES else ""


def _fits(function: TriedFunction, arguments: Arguments, examples: Sequence[Arguments]) -> bool:
    if not function.required <= len(arguments) <= len(function.types):
        return False
    for place, argument in enumerate(arguments):
        named = function.types[place]
        seen = tuple({type(example[place]) for example in examples if len(example) > place})
        allowed = _TYPES[named] if named else seen
        if type(argument) not in allowed:
            return False
    return True


def _test(module: str, function: TriedFunction, arguments: Arguments, number: int) -> str:
    return "\n".join(["", "", *_lines(module, function, arguments, number), ""])


def _lines(module: str, function: TriedFunction, arguments: Arguments, number: int) -> Iterator[str]:
    call = f"{function.name}({', '.join(map(source_of, arguments))})"
    yield f"def test_{function.name}_runs_{number}():"
    yield f"    from {module} import {function.name}"
    yield ""
    yield "    try:"
    yield f"        result = {call}"
    yield "    except ValueError:"
    yield "        return"
    if function.returns:
        types = " | ".join(kind.__name__ for kind in _TYPES[function.returns])
        yield f"    assert isinstance(result, {types})"
    else:
        yield "    assert [result]"
