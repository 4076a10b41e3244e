"""What a filter of a template may be given, and what comes out of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from lockgate.register.jail import template_words as words
from lockgate.register.jail.template_values import (
    COUNT,
    NUMBER,
    UNIT,
    UNKNOWN_FACTOR,
    Size,
    Value,
    all_of,
    constant,
    plus,
    times,
)

_ATTRIBUTE: Final = re.compile(r"(?:[A-Za-z]\w*|\d+)(?:\.(?:[A-Za-z]\w*|\d+))*")
_MOST_INDENT: Final = 100
_MOST_PARTS: Final = 1000
_LENGTHS: Final = frozenset({"count", "length", "wordcount"})
_NUMBERS: Final = frozenset({"abs", "float", "int", "round"})


def filtered(name: str, value: Value, placed: Sequence[Value], named: Mapping[str, Value]) -> Value | str:
    """What it makes of the value; or why it may not.

    1. It is known, and takes so much by place, and by those names.
    2. What it takes as it is spelled out is a text, a number or a constant.
    3. What names an attribute, a filter or a test is spelled out, and plain.
    """
    # 1.
    rule = words.FILTERS.get(name)
    if rule is None:
        return f"it uses the filter {name[:40]!r}"
    if len(placed) > rule.most or named.keys() - rule.named:
        return f"it gives the filter {name!r} what it does not take here"
    # 2.
    if not all(_is_plain(one) for one in (*(placed if rule.literal else ()), *named.values())):
        return f"it gives the filter {name!r} what is not spelled out"
    # 3.
    attributes = [named["attribute"]] if "attribute" in named else []
    if rule.first == "attribute":
        attributes, tests = [*attributes, *placed[:1]], placed[1:2]
        known = words.TESTS
        if not attributes:
            return f"the filter {name!r} is not told what to look at"
    else:
        known, tests = (words.TESTS if rule.first == "test" else words.MAPPED), placed[:1] if rule.first else ()
    if not all(_is_attribute(one) for one in attributes):
        return "it names an attribute that leads elsewhere, or by a text that is put together"
    if not all(one.text in known for one in tests):
        return f"it has the filter {name!r} use something else than a plain name"
    most = max((one.number for one in (*placed, *named.values()) if one.number is not None), default=4.0)
    if name in _MOST and most > _MOST[name]:
        return f"it gives the filter {name!r} a larger number than a prompt needs"
    return _made(name, rule.growth * (1 + most if name in _MOST else 1), value, placed)


_MOST: Final = {"batch": _MOST_PARTS, "slice": _MOST_PARTS, "indent": _MOST_INDENT, "tojson": _MOST_INDENT}


def _is_plain(one: Value) -> bool:
    return one.text is not None or one.number is not None or one == Value()


def _is_attribute(value: Value) -> bool:
    text = value.text if value.text is not None else str(int(value.number)) if value.number is not None else ""
    plain = _ATTRIBUTE.fullmatch(text) is not None and "__" not in text
    return plain and not set(text.split(".")) & words.NO_ATTRIBUTES


def _made(name: str, growth: float, value: Value, placed: Sequence[Value]) -> Value:
    if name in _LENGTHS:
        return value.sized(value.size, COUNT)
    if name in _NUMBERS:
        return Value(plus([value.size, constant(UNIT)]), value.kind if name == "abs" else NUMBER)
    if name in ("default", "d"):
        return all_of([value, *placed], min([value.kind, *(one.kind for one in placed)]))
    if name == "join":
        separator = placed[0].text if placed else ""
        return all_of([value, *placed]).grown(UNKNOWN_FACTOR if separator is None else 1 + len(separator))
    if name == "replace":
        return value.sized(replaced(value, placed))
    return _passed(name, times(value.size, growth), value)


def _passed(name: str, size: Size, value: Value) -> Value:
    """By filters that pass on what they get, or parts of it."""
    if name in ("first", "last"):
        return Value(value.part or size, path=(*value.path, "[]") if value.path else ())
    if name in ("items", "dictsort"):
        return Value(size, pairs=value.path)
    if name in ("list", "sort", "unique"):
        return Value(size, keys=value.keys or value.path, pairs=value.pairs)
    return value.sized(size)


def replaced(value: Value, placed: Sequence[Value]) -> Size:
    """Each place that is found becomes as long as what is put there; nothing is found between any two letters."""
    old, new = (placed[0].text if placed else None), (placed[1] if len(placed) > 1 else Value())
    if new.text is None:
        return times(plus([value.size, new.size]), UNKNOWN_FACTOR)
    return times(value.size, len(new.text) / len(old) if old else 1 + len(new.text))
