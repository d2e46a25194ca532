"""What every hollowed Python module begins with: the refusal, and a value that nothing can be done with."""

from __future__ import annotations

MARK = "HollowError"
MOST_COMPARISONS = 10_000

# Names as private as can be: `from module import *` leaves them out, and delivered code hardly uses them.
PRELUDE = f"""
class _HollowError(Exception):
    pass

def _hollow_refuse(*_args, **_kwargs):
    raise _HollowError("{MARK}: this copy of the code does nothing")

def _hollow_refuse_later(*_args, **_kwargs):
    return _hollow_value if _hollow_importing() else _hollow_refuse()

# A loop that waits for a comparison to come true must end.
_hollow_compared = []

def _hollow_count():
    _hollow_compared.append(None)
    # Where a test file asserts while it is imported, the red has to say why.
    if len(_hollow_compared) > {MOST_COMPARISONS} or _hollow_importing():
        _hollow_refuse()

class _HollowValue:
    __slots__ = ()
    __hash__ = object.__hash__
    def __mro_entries__(self, bases):
        return ()
    def __repr__(self):
        return "<nothing>"
    def __eq__(self, other):
        _hollow_count()
        return True if self is other else NotImplemented
    def __ne__(self, other):
        _hollow_count()
        return False if self is other else NotImplemented
    def __lt__(self, other):
        _hollow_count()
        return False
    __gt__ = __le__ = __ge__ = __lt__
    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return _hollow_refuse_later()

for _hollow_name in (
    "bool contains delitem float index int iter len next setitem aiter anext complex bytes fspath reversed"
).split():
    setattr(_HollowValue, "__" + _hollow_name + "__", _hollow_refuse)
for _hollow_name in "call getitem enter exit pos neg abs invert round await aenter aexit".split() + [
    _p + _n
    for _n in "add sub mul truediv floordiv mod divmod pow and or xor lshift rshift matmul".split() for _p in ("", "r")
]:
    setattr(_HollowValue, "__" + _hollow_name + "__", _hollow_refuse_later)

_hollow_value = _HollowValue()

def _hollow_importing():
    import sys
    _frame = sys._getframe(1)
    while _frame is not None:
        if _frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        _frame = _frame.f_back
    return False

def _hollow_raises(*_args, **_kwargs):
    if not _hollow_importing():
        _hollow_refuse()
    return _hollow_value

def _hollow_returns(*_args, **_kwargs):
    return _hollow_value
"""
