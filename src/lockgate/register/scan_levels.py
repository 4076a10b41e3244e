"""How urgent a refusal is: what runs code, or deceives, before what is merely not on the list. Pure.

An order for people, never a verdict: every one of these files is refused. It goes by what little work found, so a file
that hides well comes later in the list; what libraries keep in honest pickles is known by name, and all else is urgent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from lockgate.register.import_formats import form_of

Level: TypeAlias = Literal["error", "warning", "note"]

_DECEIVE: Final = frozenset({"LG470", "LG471", "LG472"})
_CODE: Final = "LG464"
_BROKEN: Final = "LG420"
_DISGUISED: Final = "LG410"
_LIBRARIES: Final = frozenset(
    {"__torch__", "catboost", "imblearn", "joblib", "keras", "lightgbm", "numpy", "pandas", "scipy", "sklearn", "torch"}
    | {"xgboost"}
)
_PLAIN: Final[Mapping[str, frozenset[str]]] = {
    "builtins": frozenset(
        {"bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range"}
        | {"set", "slice", "str", "tuple"}
    ),
    "_codecs": frozenset({"encode"}),
    "collections": frozenset({"Counter", "OrderedDict", "defaultdict", "deque"}),
    "copyreg": frozenset({"_reconstructor"}),
    "datetime": frozenset({"date", "datetime", "time", "timedelta", "timezone"}),
}
_UNKNOWN: Final = "?"
"""The walk lost the module: behind the arrays that joblib writes into its pickles it counts anew."""

_RUNS: Final = frozenset({"Lambda", "PackageImporter", "Popen"})
"""Classes that are made of code, or start some."""

_OLD: Final = {"__builtin__": "builtins", "copy_reg": "copyreg"}
_REBUILD: Final = ("_rebuild_", "__pyx_unpickle_", "_new_Index", "_unpickle_block", "_reconstruct", "_frombuffer")
_NAMES: Final = frozenset(
    {"__bit_generator_ctor", "__generator_ctor", "__randomstate_ctor", "bfloat16", "bool", "bool_"}
    | {"build_boollist", "build_doublelist", "build_intlist", "build_tensorlist", "csc_matrix", "csr_matrix"}
    | {"device", "dtype", "exp", "expm1", "float16", "float32", "float64", "int32", "int64", "int8", "log", "log10"}
    | {"log1p", "ndarray", "restore_type_tag", "scalar", "sqrt", "str_", "uint8"}
)


def is_familiar(name: str) -> bool:
    """Whether libraries of models write `module.name` into honest pickles: a class of theirs, or what makes arrays."""
    module, _, last = name.rpartition(".")
    module = _OLD.get(module, module)
    if module in _PLAIN:
        return last in _PLAIN[module]
    if last in _RUNS or module.partition(".")[0] not in _LIBRARIES | {_UNKNOWN}:
        return False
    return last[:1].isupper() or last in _NAMES or last.startswith(_REBUILD)


def level_of(path: str, finding: str, seen: Mapping[str, Any]) -> Level:
    """`error`: it runs code, reaches for files or programs, or is not what its name says. `warning`: it is not on the
    list.

    `seen` may be anything: a jail wrote it.
    """
    if finding in (_CODE, _BROKEN) or finding in _DECEIVE or "location" in seen:
        return "error"
    if finding == _DISGUISED and form_of(path, is_run=False):
        return "error"
    reaches, inside = _texts(seen.get("reaches")), _texts(seen.get("inside"))
    urgent = not all(is_familiar(one) for one in reaches) or any("Lambda" in one for one in inside)
    return "error" if urgent else "note" if finding == "LG474" else "warning"


def urgency_of(path: str, finding: str, seen: Mapping[str, Any]) -> int:
    """A place in the list: 0 for code in disguise, then code that says so, then parsers that broke, then the rest."""
    if level_of(path, finding, seen) != "error":
        return 3 if finding != "LG474" else 4
    return {_CODE: 1, _BROKEN: 2}.get(finding, 0)


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
