"""The part of `ctypes` that a jail's first process needs, without the rest: importing all of it takes half as long as
starting Python. The names mean what they mean there.
"""

from __future__ import annotations

from _ctypes import (
    FUNCFLAG_CDECL,
    FUNCFLAG_USE_ERRNO,
    CFuncPtr,
    Structure,
    _SimpleCData,
    addressof,
    byref,
    dlopen,
    get_errno,
    set_errno,
    sizeof,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "CDLL",
    "Structure",
    "byref",
    "c_char",
    "c_int",
    "c_int32",
    "c_long",
    "c_size_t",
    "c_uint",
    "c_uint32",
    "c_uint64",
    "c_ulong",
    "c_ushort",
    "c_void_p",
    "cast",
    "create_string_buffer",
    "get_errno",
    "set_errno",
    "sizeof",
]


def _kind(letter: str) -> Any:
    return type(f"c_{letter}", (_SimpleCData,), {"_type_": letter})


c_char, c_ushort, c_int, c_uint, c_long, c_ulong, c_void_p = map(_kind, "cHiIlLP")
# On every 64-bit Linux.
c_int32, c_uint32, c_uint64, c_size_t = c_int, c_uint, c_ulong, c_ulong


class _Function(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = c_int


if TYPE_CHECKING:
    from ctypes import CDLL
else:

    class CDLL:
        """The program itself, with the C library in it; a function returns an int and leaves errno for `get_errno`."""

        def __init__(self, name: None, *, use_errno: bool) -> None:
            if not use_errno:
                raise ValueError("without errno no refusal can be told from another")
            self._handle = dlopen(name, 0)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            function = _Function((name, self))
            setattr(self, name, function)
            return function


def create_string_buffer(what: bytes | int, size: int = 0) -> Any:
    """Bytes that can be changed: as many as `what`, or a copy of it in `size` bytes."""
    if isinstance(what, int):
        return (c_char * what)()
    held = (c_char * (size or len(what) + 1))()
    held.value = what
    return held


def cast(thing: Any, kind: Any) -> Any:
    """Its address, as long as the caller keeps it."""
    return kind(addressof(thing))
