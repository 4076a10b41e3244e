"""The small stand-in for `ctypes` in a jail's first process does what `ctypes` does, and keeps it out."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lockgate
from lockgate.sandbox.jail import foreign

KINDS = ["c_char", "c_int", "c_int32", "c_long", "c_size_t", "c_uint", "c_uint32", "c_uint64", "c_ulong", "c_ushort"]


@pytest.mark.parametrize("name", [*KINDS, "c_void_p"])
def test_each_kind_has_the_size_and_the_bytes_that_it_has_there(name: str) -> None:
    """The kernel reads them, so a number of the wrong width would be another number."""
    theirs, ours = getattr(ctypes, name), getattr(foreign, name)
    value = b"\x7f" if name == "c_char" else 0x7F
    assert bytes(theirs(value)) == bytes(ours(value))
    assert bytes((theirs * 3)()) == bytes((ours * 3)())


@pytest.mark.parametrize("number", [-1, 1 << 31, (1 << 63) + 5])
def test_numbers_wrap_as_they_do_there(number: int) -> None:
    """A mask or a negative number in a wider or narrower place."""
    for name in ("c_int", "c_uint", "c_long", "c_ulong"):
        assert getattr(ctypes, name)(number).value == getattr(foreign, name)(number).value


def fields(module: Any) -> list[tuple[str, Any]]:
    """A structure with a hole before its pointer, as the filter's header has it."""
    return [("length", module.c_ushort), ("filter", module.c_void_p), ("last", module.c_uint32)]


def test_a_structure_is_laid_out_as_it_is_there() -> None:
    """Alignment, holes and size; packed ones too."""
    for pack in ({}, {"_pack_": 1}):
        theirs = type("Theirs", (ctypes.Structure,), {**pack, "_fields_": fields(ctypes)})(1, 2, 3)
        ours = type("Ours", (foreign.Structure,), {**pack, "_fields_": fields(foreign)})(1, 2, 3)
        assert bytes(theirs) == bytes(ours)
        assert foreign.sizeof(ours) == len(bytes(theirs))


def test_calls_give_their_result_and_their_errno() -> None:
    """Numbers, text, pointers that the kernel writes through, and the number of a refusal."""
    libc = foreign.CDLL(None, use_errno=True)
    assert libc.getpid() == os.getpid()
    assert libc.syscall(foreign.c_long(39 if os.uname().machine == "x86_64" else 172)) == os.getpid()
    foreign.set_errno(0)
    assert (libc.close(-1), foreign.get_errno()) == (-1, 9)
    assert (libc.access(b"/nothing/here", 0), foreign.get_errno()) == (-1, 2)
    number = foreign.c_int(-1)
    assert libc.prctl(2, foreign.byref(number), 0, 0, 0) == 0
    assert number.value == 0
    with pytest.raises(AttributeError):
        libc.no_such_function_anywhere()


def test_a_buffer_holds_exactly_its_bytes() -> None:
    """NULs included, at an address that the kernel can be told."""
    text = b"a\0b\0"
    held = foreign.create_string_buffer(text, len(text))
    assert (bytes(held), bytes(foreign.create_string_buffer(3))) == (text, b"\0\0\0")
    assert ctypes.string_at(foreign.cast(held, foreign.c_void_p).value, 4) == text


def test_errno_that_is_not_kept_is_refused() -> None:
    """A refusal that cannot be told from another is no witness."""
    with pytest.raises(ValueError, match="errno"):
        foreign.CDLL(None, use_errno=False)


def test_the_first_process_of_a_jail_does_not_import_ctypes() -> None:
    """Half of Python's start again; nor anything else that is not tiny."""
    code = (
        "import sys\nfor name in ('lockgate', 'lockgate.sandbox'):\n    sys.modules[name] = type(sys)(name)\n"
        "    sys.modules[name].__path__ = [sys.argv[1] + '/' + name.replace('.', '/')]\n"
        "from lockgate.sandbox.jail import harness\n"
        "heavy = {'ctypes', 'enum', 're', 'struct', 'typing', 'signal', 'socket', 'pathlib', 'dataclasses'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    folder = str(Path(lockgate.__file__).parents[1])
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code, folder], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
