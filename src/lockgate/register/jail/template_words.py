"""What a chat template may use: the words of Jinja that make a prompt of messages, and nothing that reaches further."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

STATEMENTS: Final = frozenset(
    {"if", "elif", "else", "endif", "for", "endfor", "set", "endset", "macro", "endmacro", "break", "continue"}
    | {"generation", "endgeneration", "with", "endwith", "filter", "endfilter"}
)
KEYWORDS: Final = frozenset({"and", "or", "not", "in", "is", "if", "else", "recursive"})
CONSTANTS: Final = frozenset({"true", "false", "none", "True", "False", "None"})
FUNCTIONS: Final = frozenset({"dict", "namespace", "raise_exception", "range", "strftime_now"})
"""What may be called besides macros of the template's own."""

OWN_OF_DICT: Final = frozenset({"get", "items", "keys", "values"})
"""A mapping's own methods: a key of that name never stands in for one."""

METHODS: Final = OWN_OF_DICT | frozenset(
    {"capitalize", "count", "endswith", "find", "index", "isdigit", "join", "lower", "lstrip", "replace", "rfind"}
    | {"rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"}
)
COUNTS: Final = frozenset({"count", "find", "index", "rfind"})
"""Methods that give a number no larger than what they look at."""

LOOP: Final = frozenset({"depth", "depth0", "index", "index0", "length", "revindex", "revindex0"})
"""Numbers of a loop."""


class Filter(NamedTuple):
    """What a filter takes. `most`: values by place; `literal`: they are spelled out; `named`: by name, spelled out.

    `first`: what the first one names: "attribute", "filter" or "test". `growth`: what comes out is at most so many
    times as long as what goes in.
    """

    most: int = 0
    literal: bool = True
    named: frozenset[str] = frozenset()
    first: str = ""
    growth: float = 1


_CASE: Final = frozenset({"case_sensitive"})
_BY: Final = _CASE | {"attribute"}
FILTERS: Final[Mapping[str, Filter]] = {
    **dict.fromkeys(
        ("abs", "bool", "capitalize", "count", "first", "float", "items", "last", "length", "lower", "safe", "string"),
        Filter(),
    ),
    **dict.fromkeys(("title", "trim", "upper", "wordcount"), Filter(1)),
    **dict.fromkeys(("e", "escape", "list"), Filter(growth=6)),
    **dict.fromkeys(("d", "default"), Filter(2, literal=False)),
    **dict.fromkeys(("batch", "slice"), Filter(1, growth=6)),
    **dict.fromkeys(("max", "min", "unique"), Filter(0, named=_BY)),
    **dict.fromkeys(("reject", "select"), Filter(3, literal=False, first="test")),
    **dict.fromkeys(("rejectattr", "selectattr"), Filter(3, literal=False, first="attribute")),
    "dictsort": Filter(2, named=_CASE | {"by", "reverse"}, growth=6),
    "indent": Filter(3, named=frozenset({"blank", "first", "width"})),
    "int": Filter(2),
    "join": Filter(1, literal=False, named=frozenset({"attribute"})),
    "map": Filter(1, named=frozenset({"attribute", "default"}), first="filter"),
    "replace": Filter(2, literal=False),
    "reverse": Filter(growth=6),
    "round": Filter(2),
    "sort": Filter(1, named=_BY | {"reverse"}),
    "sum": Filter(0, named=frozenset({"attribute", "start"})),
    "tojson": Filter(0, named=frozenset({"ensure_ascii", "indent", "sort_keys"}), growth=6),
    "truncate": Filter(3, named=frozenset({"end", "killwords", "leeway", "length"})),
}
MAPPED: Final = frozenset(
    {"abs", "bool", "capitalize", "float", "int", "length", "lower", "string", "title", "trim", "upper"}
    | {"escape", "first", "last", "list", "tojson"}
)
"""Filters that may be named to `map`."""

TESTS: Final = frozenset(
    {"boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "gt", "in", "integer"}
    | {"iterable", "le", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sameas", "sequence", "string"}
    | {"true", "undefined", "upper"}
)
NEVER: Final = frozenset(
    {"application", "caller", "config", "cycler", "environment", "g", "get_flashed_messages", "joiner", "kwargs"}
    | {"lipsum", "request", "self", "session", "super", "url_for", "varargs"}
)
"""Names that Jinja, or a web framework around it, fills with objects of its own."""

NO_ATTRIBUTES: Final = frozenset(
    {"ag_code", "ag_frame", "cr_code", "cr_frame", "environment", "f_back", "f_builtins", "f_code", "f_globals"}
    | {"f_locals", "format", "format_map", "func_code", "func_globals", "gi_code", "gi_frame", "im_class", "im_func"}
    | {"im_self", "mro", "tb_frame", "tb_next", "gi_yieldfrom", "cr_await", "attr"}
)
"""Attributes without an underscore in front that lead to code or to Jinja's insides, or let a text reach for others."""
