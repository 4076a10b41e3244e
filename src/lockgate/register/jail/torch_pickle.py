"""The pickle inside a torch checkpoint, read without torch and without making any object of the file's choice.

A state dict is dicts, lists, numbers, texts and tensors, and a tensor is a view of a storage that lies beside the
pickle. `load` takes exactly the names that such a file needs, each standing for something inert of ours; the first
other name ends it (`NotPlain`): a file that needs more is a program, and belongs into a jail with its framework.

The instructions are walked before they are carried out: those of a state dict are few, and any other ends it as well.
They make and call only what `_Reader` gives out, and that never changes.

Trusted: nothing about the bytes. Promised: nothing is imported or called that the file names; a `View` is what was
checked when it was made. Memory is bounded by the jail; a memo, which a few bytes could make of any size, by the number
of instructions.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final, TypeVar

from lockgate.contract.findings import clean
from lockgate.errors import Refused

TYPES: Final[Mapping[str, tuple[str, int]]] = {
    "float64": ("F64", 8),
    "float32": ("F32", 4),
    "float16": ("F16", 2),
    "bfloat16": ("BF16", 2),
    "float8_e4m3fn": ("F8_E4M3", 1),
    "float8_e5m2": ("F8_E5M2", 1),
    "complex64": ("C64", 8),
    "int64": ("I64", 8),
    "int32": ("I32", 4),
    "int16": ("I16", 2),
    "int8": ("I8", 1),
    "uint8": ("U8", 1),
    "uint16": ("U16", 2),
    "uint32": ("U32", 4),
    "uint64": ("U64", 8),
    "bool": ("BOOL", 1),
}
"""torch's name of a type -> that of safetensors, and the bytes of one element."""

_STORAGES: Final[Mapping[str, str]] = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "ComplexFloatStorage": "complex64",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
_UNTYPED: Final = "uint8"
_INERT: Final = frozenset({("torch", "device"), ("torch", "Size"), ("torch.serialization", "_get_layout")})
_MOST_DIMENSIONS: Final = 64
_PUTS: Final = frozenset({"BINPUT", "LONG_BINPUT"})
INSTRUCTIONS: Final = _PUTS | {
    *("PROTO", "STOP", "MARK", "BINGET", "LONG_BINGET"),
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"),
    *("SHORT_BINSTRING", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "TUPLE"),
    *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
    *("GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
}
"""What torch's own files are written with, and what its reader of weights takes (`torch/_weights_only_unpickler.py`).

Its NEWOBJ is not among them: there is no class here of which anything could be made anew.
"""
_SIGNS: Final[Mapping[str, tuple[int, int]]] = {
    "float64": (1 << 63, 0),
    "float32": (1 << 31, 0),
    "float16": (1 << 15, 0),
    "bfloat16": (1 << 15, 0),
    "complex64": (1 << 63 | 1 << 31, 1 << 63),
}
"""Type -> the bits that change when an element is negated, and when it is conjugated."""


T = TypeVar("T")


class NotPlain(Exception):
    """The file needs something that a plain state dict does not; the message is its name."""


def _unchanging(self: object, state: object) -> None:  # noqa: ARG001 - what the instruction BUILD calls
    # Without it BUILD would write to the attributes of a frozen dataclass past all checks.
    raise malformed("it changes what nothing may change")


def _closed(stand_in: type[T]) -> type[T]:
    """Set last: dataclasses of Python 3.11.2 give frozen ones with slots a way to be changed, over any of ours."""
    stand_in.__setstate__ = _unchanging  # type: ignore[attr-defined]
    return stand_in


@_closed
@dataclass(frozen=True, slots=True)
class Kind:
    """A type of elements."""

    name: str


@_closed
@dataclass(frozen=True, slots=True)
class Storage:
    """A run of bytes that lies elsewhere in the file: `count` elements of `kind`, found by `key`."""

    key: str
    kind: str
    count: int

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.count * TYPES[self.kind][1]


@_closed
@dataclass(frozen=True, slots=True)
class View:
    """A tensor: elements of `kind` in `storage`; element (i, j, ...) at offset + i * strides[0] + j * strides[1]...

    `flipped`: bits of each element that differ from the storage's, in a tensor that is only marked as negated.
    """

    storage: Storage
    kind: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    flipped: int = 0


class Inert:
    """Something without tensors that the file names, and that nobody needs: a device, a size."""

    __slots__ = ()
    __setstate__ = _unchanging


class _Dict(dict[Any, Any]):
    """An OrderedDict of the file. torch hangs `_metadata` on it, which is not kept."""

    def __setstate__(self, state: object) -> None:
        """Take nothing."""


class _Callable:
    """A name that the file may call. It is no class and takes no attributes, so the pickle cannot change it."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)

    __setstate__ = _unchanging


def load(stream: IO[bytes]) -> tuple[Any, Mapping[str, Storage]]:
    """The value of the pickle at `stream`, in which each tensor is a `View`, and all storages by key.

    Raises NotPlain; Refused LG483 for bytes that are no well-formed pickle of such things.
    """
    try:
        _check_instructions(stream)
        reader = _Reader(stream)
        return reader.load(), reader.storages
    except (NotPlain, Refused):
        raise
    except MemoryError:
        raise malformed("it asks for more memory than a list of tensors can need") from None
    except Exception as error:  # noqa: BLE001 - the bytes decide what the unpickler stumbles over
        raise malformed(f"its pickle is broken ({type(error).__name__}: {clean(str(error), 120)})") from None


def _check_instructions(stream: IO[bytes]) -> None:
    """Those of `INSTRUCTIONS`, with names that are known here, and no place of the memo beyond their number: an
    unpickler makes a table as long as the largest place that the file names.

    Raises NotPlain; Refused LG483; ValueError and its like for what is no pickle.
    """
    begin = stream.tell()
    for count, (opcode, given, _) in enumerate(pickletools.genops(stream)):
        if opcode.name == "GLOBAL":
            _stand_in(*str(given).split(" ", 1))
        if opcode.name not in INSTRUCTIONS:
            raise NotPlain(f"the instruction {opcode.name}")
        if opcode.name in _PUTS and int(given or 0) > count:
            raise malformed("it puts something into a place that it has no use for", place=given)
    stream.seek(begin)


def malformed(why: str, **seen: object) -> Refused:
    """For a checkpoint that contradicts itself or its format."""
    return Refused("LG483", f"the checkpoint is malformed: {why}", seen=seen, next="lockgate explain LG483")


class _Reader(pickle.Unpickler):
    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        """What a name stands for here. Raises NotPlain."""
        return _stand_in(module, name)

    def persistent_load(self, pid: Any, /) -> Storage:
        """("storage", type, key, place, number of elements); older files say of what it is a view, or None."""
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            raise malformed("a reference in it names no storage")
        kind, key, count = pid[1], pid[2], pid[4]
        if len(pid) == 6 and pid[5] is not None:
            raise NotPlain("a storage that is a view of another one")
        if not isinstance(kind, Kind) or not isinstance(key, str) or not _is_count(count):
            raise malformed("a storage in it has no type, key and number of elements")
        storage = Storage(key, kind.name, count)
        if self.storages.setdefault(key, storage).size != storage.size:
            raise malformed(f"it says different things of the storage {key[:40]!r}")
        return storage


def _ordered(*arguments: Any) -> _Dict:
    return _Dict(*arguments)


def _stand_in(module: str, name: str) -> _Callable | Kind:
    """Never a class: of one, an instruction could make what no check has seen. Raises NotPlain."""
    if (module, name) == ("collections", "OrderedDict"):
        return _Callable(_ordered)
    if (module, name) in _REBUILDS:
        return _Callable(_REBUILDS[module, name])
    if (module, name) in _INERT:
        return _Callable(lambda *_: Inert())
    if module == "torch" and name in TYPES:
        return Kind(name)
    if module in ("torch", "torch.storage") and name in ("UntypedStorage", *_STORAGES):
        return Kind(_STORAGES.get(name, _UNTYPED))
    raise NotPlain(clean(f"{module}.{name}", 120))


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any = None, _hooks: Any = None, marks: Any = None
) -> View:
    kind = storage.kind if isinstance(storage, Storage) else ""
    return _view(storage, kind, offset, shape, strides, marks)


def _typed(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, kind: Any, marks: Any = None
) -> View:
    return _view(storage, kind.name if isinstance(kind, Kind) else "", offset, shape, strides, marks)


def _view(storage: Any, kind: str, offset: Any, shape: Any, strides: Any, marks: Any) -> View:
    if not isinstance(storage, Storage) or kind not in TYPES or not _is_count(offset):
        raise malformed("a tensor in it has no storage, type and offset")
    if not _are_counts(shape) or not _are_counts(strides) or len(shape) != len(strides):
        raise malformed("the shape and strides of a tensor in it are not whole numbers, as many of one as of the other")
    return View(storage, kind, offset, tuple(shape), tuple(strides), _flipped(kind, marks))


def _flipped(kind: str, marks: Any) -> int:
    """A tensor that torch negates or conjugates is the storage of before, and a mark. Raises NotPlain."""
    if not marks:
        return 0
    negated, conjugated = _SIGNS.get(kind, (0, 0))
    known = {"neg": negated, "conj": conjugated}
    if not isinstance(marks, dict) or any(mark not in known or marks[mark] is not True for mark in marks):
        raise NotPlain("a tensor with marks that are not known here")
    if not all(known[mark] for mark in marks):
        raise NotPlain(f"a tensor of {kind} that is only marked as negated or conjugated")
    flipped = 0
    for mark in marks:
        flipped ^= known[mark]
    return flipped


def _parameter(data: Any, *_: Any) -> Any:
    if not isinstance(data, View):
        raise malformed("a parameter in it holds no tensor")
    return data


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _are_counts(value: object) -> bool:
    return isinstance(value, tuple | list) and len(value) <= _MOST_DIMENSIONS and all(map(_is_count, value))


_REBUILDS: Final[Mapping[tuple[str, str], Callable[..., Any]]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _typed,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}
