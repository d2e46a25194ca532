"""Statements of a doctest as harmless source: a closed set of syntax, written anew from its tree."""

from __future__ import annotations

import ast
import builtins

from core.execution.evidence.examples.literals import NotALiteralError, parse_expression, source_of, value_of

HARMLESS_BUILTINS = frozenset(
    {
        "abs",
        "all",
        "any",
        "bool",
        "dict",
        "divmod",
        "enumerate",
        "float",
        "frozenset",
        "int",
        "isinstance",
        "iter",
        "len",
        "list",
        "max",
        "min",
        "next",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "sorted",
        "str",
        "sum",
        "tuple",
        "type",
        "zip",
    }
)
_NAMES_OF_MODULES = frozenset(
    {"os", "sys", "subprocess", "shutil", "builtins", "importlib", "socket", "ctypes", "pathlib"}
)
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)


class Expression:
    """An expression made of calls, attributes, items, comparisons and values; NotALiteralError when it holds anything else."""

    def __init__(self, node: ast.expr, variables: frozenset[str] = frozenset()) -> None:
        self._variables = variables
        self.needs: list[str] = []
        self.used_variables: set[str] = set()
        self.source = ast.unparse(self._harmless(node))

    def _harmless(self, node: ast.expr) -> ast.expr:
        try:
            return parse_expression(source_of(value_of(node)))
        except (NotALiteralError, TypeError):
            pass
        match node:
            case ast.Name(id=name):
                return self._name(name)
            case ast.Attribute(value=value, attr=attribute) if not attribute.startswith("_"):
                return ast.Attribute(self._harmless(value), attribute, ast.Load())
            case ast.Subscript(value=value, slice=ast.Slice() as part):
                return ast.Subscript(self._harmless(value), self._slice(part), ast.Load())
            case ast.Subscript(value=value, slice=index):
                return ast.Subscript(self._harmless(value), self._harmless(index), ast.Load())
            case ast.Call(func=function, args=arguments, keywords=keywords):
                if any(isinstance(argument, ast.Starred) for argument in arguments) or any(
                    not word.arg for word in keywords
                ):
                    raise NotALiteralError("unpacks its arguments")
                return ast.Call(
                    self._harmless(function),
                    [self._harmless(argument) for argument in arguments],
                    [ast.keyword(word.arg, self._harmless(word.value)) for word in keywords],
                )
            case ast.Compare(left=left, ops=operators, comparators=others):
                return ast.Compare(self._harmless(left), operators, [self._harmless(other) for other in others])
            case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, _OPERATORS):
                return ast.BinOp(self._harmless(left), operator, self._harmless(right))
            case ast.UnaryOp(op=ast.Not() | ast.USub() as operator, operand=operand):
                return ast.UnaryOp(operator, self._harmless(operand))
            case ast.List(elts=items):
                return ast.List([self._harmless(item) for item in items], ast.Load())
            case ast.Tuple(elts=items):
                return ast.Tuple([self._harmless(item) for item in items], ast.Load())
            case ast.Dict(keys=keys, values=values) if None not in keys:
                return ast.Dict(
                    [self._harmless(key) for key in keys if key is not None],
                    [self._harmless(value) for value in values],
                )
        raise NotALiteralError("is more than calls and values")

    def _slice(self, part: ast.Slice) -> ast.Slice:
        bounds = [None if bound is None else self._harmless(bound) for bound in (part.lower, part.upper, part.step)]
        return ast.Slice(*bounds)

    def _name(self, name: str) -> ast.expr:
        if name in self._variables:
            self.used_variables.add(name)
        elif name.startswith("_") or name in _NAMES_OF_MODULES:
            raise NotALiteralError(f"{name!r} is not allowed in an example")
        elif name not in HARMLESS_BUILTINS:
            if hasattr(builtins, name) and not _is_exception(name):
                raise NotALiteralError(f"{name!r} is not allowed in an example")
            if name not in self.needs and not _is_exception(name):
                self.needs.append(name)
        return ast.Name(name, ast.Load())


def _is_exception(name: str) -> bool:
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, BaseException)
