"""What a chat template may use: the words of Jinja that make a prompt of messages, and nothing that reaches further."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = frozenset(
    {"if", "elif", "else", "endif", "for", "endfor", "set", "endset", "macro", "endmacro", "break", "continue"}
    | {"generation", "endgeneration"}
)
FUNCTIONS: Final = frozenset({"dict", "namespace", "raise_exception", "range", "strftime_now"})
"""What may be called besides macros of the template's own."""

METHODS: Final = frozenset(
    {"capitalize", "count", "endswith", "find", "get", "items", "keys", "lower", "lstrip", "replace", "rfind", "rsplit"}
    | {"rstrip", "split", "splitlines", "startswith", "strip", "title", "upper", "values", "index", "isdigit", "join"}
)
FILTERS: Final = frozenset(
    {
        "abs",
        "batch",
        "bool",
        "capitalize",
        "count",
        "d",
        "default",
        "dictsort",
        "e",
        "escape",
        "first",
        "float",
        "indent",
    }
    | {
        "int",
        "items",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "map",
        "max",
        "min",
        "reject",
        "rejectattr",
        "replace",
    }
    | {"reverse", "round", "safe", "select", "selectattr", "slice", "sort", "string", "sum", "title", "tojson", "trim"}
    | {"truncate", "unique", "upper", "wordcount"}
)
BY_NAME: Final = frozenset(
    {"map", "max", "min", "reject", "rejectattr", "select", "selectattr", "sort", "sum", "unique"}
)
"""Filters that take the name of another filter, of a test or of an attribute as a text."""

TESTS: Final = frozenset(
    {"boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "gt", "in", "integer"}
    | {
        "iterable",
        "le",
        "lower",
        "lt",
        "mapping",
        "ne",
        "none",
        "number",
        "odd",
        "sameas",
        "sequence",
        "string",
        "true",
    }
    | {"undefined", "upper"}
)
NEVER: Final = frozenset(
    {"application", "caller", "config", "cycler", "environment", "g", "get_flashed_messages", "joiner", "kwargs"}
    | {"lipsum", "request", "self", "session", "super", "url_for", "varargs"}
)
"""Names that Jinja, or a web framework around it, fills with objects of its own."""

NO_ATTRIBUTES: Final = frozenset(
    {"ag_code", "ag_frame", "cr_code", "cr_frame", "environment", "f_back", "f_builtins", "f_code", "f_globals"}
    | {"f_locals", "format", "format_map", "func_code", "func_globals", "gi_code", "gi_frame", "im_class", "im_func"}
    | {"im_self", "mro", "tb_frame", "tb_next"}
)
"""Attributes without an underscore in front that lead to code or to Jinja's insides, or let a text reach for others."""
