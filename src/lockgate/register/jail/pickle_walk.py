"""Would a reader of pickles find one here? An opcode walk that loads nothing, with every amount of work bounded.

Trusted: nothing about the bytes. Promised: bytes that CPython's unpickler, from the first byte on, takes as a whole
pickle, or lets call anything before it gives up, are told (`Walk.found`). The names in `Walk.names` are for the
message only: what a pickle would call can be hidden from any reader, and no pickle ever comes in, whatever it names.

Source: `pickletools.opcodes` of the standard library, for arguments and stack effects.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, BinaryIO, Final, NamedTuple

MOST_OPCODES: Final = 100_000
MOST_NAMES: Final = 50
_MOST_STRING = 512
_PIECE = 1 << 16
_NEWEST_PROTOCOL = 5
_CALLS = frozenset(b"Rio\x81\x92")
_SETS = frozenset(b"b")
_MODULE = re.compile(r"[\w\-]+(?:\.[\w\-]+)*")
_STRINGS = frozenset(b"STUVX\x8c\x8d")
_MARK_CODE, _DUP, _STACK_GLOBAL, _MEMOIZE = ord("("), ord("2"), 0x93, 0x94
_EXTENSIONS = frozenset(b"\x82\x83\x84")
_GETS, _PUTS = frozenset(b"ghj"), frozenset(b"pqr\x94")
_MARK = object()


@dataclass
class Walk:
    """What was seen. `found`: it is a pickle; `names`: `module.name` of what it reaches; `end`: where it stopped.
    `cut`: nothing but the end of the bytes broke it off, after its first opcode.
    """

    found: bool = False
    endless: bool = False
    cut: bool = False
    names: list[str] = field(default_factory=list)
    end: int = 0


class _Opcode(NamedTuple):
    argument: int
    pops: int
    to_mark: bool
    pushes: int


class _Broken(Exception):
    """The unpickler gives up here."""


class _Cut(_Broken):
    """The bytes end here."""


def walk(stream: BinaryIO, size: int, start: int = 0) -> Walk:
    """Walk the pickles that begin at `start`, one behind the other as legacy files of torch hold them."""
    seen = Walk()
    machine = _Machine(stream, size, seen)
    stream.seek(start)
    try:
        while not seen.found:
            machine.one()
            at = stream.tell()
            # A few letters with a stop among them are a sentence ("N.B."), unless nothing follows.
            seen.found = bool(seen.names) or not _rest(stream, size, at)
    except _Broken as broken:
        seen.endless = machine.left <= 0
        seen.cut = isinstance(broken, _Cut) and machine.left < MOST_OPCODES - 1
    seen.found |= machine.called
    seen.end = min(stream.tell(), size)
    return seen


def _rest(stream: BinaryIO, size: int, at: int) -> bool:
    """Whether anything but white space follows soon after `at`."""
    rest = bool(stream.read(_PIECE).strip()) or size - at > _PIECE
    stream.seek(at)
    return rest


@cache
def _opcodes() -> Mapping[int, _Opcode]:
    import pickletools

    marks = (pickletools.markobject, pickletools.stackslice)
    found = {}
    for one in pickletools.opcodes:
        before, to_mark = one.stack_before, pickletools.markobject in one.stack_before
        if to_mark:
            before = before[: before.index(pickletools.markobject)]
        pushes = sum(each is not pickletools.stackslice for each in one.stack_after)
        # MEMOIZE looks at the top and leaves it there, as PUT does.
        pops = 0 if one.name == "MEMOIZE" else sum(each not in marks for each in before)
        found[ord(one.code)] = _Opcode(one.arg.n if one.arg else 0, pops, to_mark, pushes)
    return found


class _Machine:
    def __init__(self, stream: BinaryIO, size: int, seen: Walk) -> None:
        self._stream, self._size, self._seen = stream, size, seen
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._reached = False
        self._opcodes = _opcodes()
        self.left = MOST_OPCODES
        self.called = False

    def one(self) -> None:
        """One pickle, to its STOP. Raises _Broken."""
        self._stack, self._memo = [], {}
        read, known = self._stream.read, self._opcodes
        while self.left > 0:
            self.left -= 1
            byte = read(1)
            if not byte:
                raise _Cut
            opcode = known.get(byte[0])
            if opcode is None:
                raise _Broken
            if byte == b".":
                self._pop()
                return
            self._step(byte[0], opcode)
        raise _Broken

    def _step(self, code: int, opcode: _Opcode) -> None:
        argument = self._argument(code, opcode.argument) if opcode.argument else b""
        if code in b"ci":
            self._name(*argument.split(b"\n"))
        if opcode.to_mark:
            while self._pop() is not _MARK:
                pass
        popped = [self._pop() for _ in range(opcode.pops)]
        if code in _CALLS or (code in _SETS and self._reached):
            self._call()
        self._push(code, opcode, popped, argument)

    def _push(self, code: int, opcode: _Opcode, popped: list[Any], argument: bytes) -> None:
        stack = self._stack
        if code in _STRINGS:
            stack.append(argument)
        elif code == _MARK_CODE:
            stack.append(_MARK)
        elif code == _STACK_GLOBAL:
            self._tell(".".join(_shown(each) for each in reversed(popped)))
            stack.append(None)
        elif code in _EXTENSIONS:
            self._tell(f"copyreg extension {int.from_bytes(argument, 'little')}")
            stack.append(None)
        elif code == _DUP:
            stack += popped * 2
        elif code in _GETS:
            stack.append(self._memo.get(_number(code, argument)))
        elif code in _PUTS:
            if not stack:
                raise _Broken
            # One reader counts what it memoizes, the other what it holds: that makes a difference for names only.
            self._memo[len(self._memo) if code == _MEMOIZE else _number(code, argument)] = stack[-1]
        else:
            stack += [None] * opcode.pushes

    def _pop(self) -> Any:
        if not self._stack:
            raise _Broken
        return self._stack.pop()

    def _call(self) -> None:
        if self._reached:
            self.called = True

    def _name(self, module: bytes, name: bytes) -> None:
        """A name that is reached for, spelled in two lines. One that no module can have ends the pickle."""
        spelled = module.decode("utf-8", "replace")
        if not _MODULE.fullmatch(spelled):
            raise _Broken
        self._tell(f"{spelled}.{name.decode('utf-8', 'replace')}")

    def _tell(self, name: str) -> None:
        self._reached = True
        if name not in self._seen.names and len(self._seen.names) < MOST_NAMES:
            self._seen.names.append(name[:200])

    def _argument(self, code: int, kind: int) -> bytes:
        """The argument's bytes: those of texts and numbers, as many as could be a name; of anything else none."""
        if kind > 0:
            found = self._stream.read(kind)
            if len(found) < kind:
                raise _Cut
            if code == 0x80 and found[0] > _NEWEST_PROTOCOL:
                raise _Broken
            return found
        if kind == -1:
            line = self._line()
            return line + b"\n" + self._line() if code in b"ci" else _line_of(code, line)
        wide = {-2: 1, -3: 4, -4: 4, -5: 8}[kind]
        length = int.from_bytes(self._stream.read(wide), "little", signed=kind == -3)
        at = self._stream.tell()
        if not 0 <= length <= self._size - at:
            raise _Cut if length > 0 else _Broken
        found = self._stream.read(min(length, _MOST_STRING)) if code in _STRINGS else b""
        self._stream.seek(at + length)
        return found

    def _line(self) -> bytes:
        first = piece = self._stream.readline(_PIECE)
        while len(piece) == _PIECE and not piece.endswith(b"\n"):
            piece = self._stream.readline(_PIECE)
        if not piece.endswith(b"\n"):
            raise _Cut
        return first.rstrip(b"\n")


def _line_of(code: int, line: bytes) -> bytes:
    """A line's value, if either of CPython's unpicklers can read it. Raises _Broken."""
    text = line.decode("latin-1").strip()
    # The one in C reads numbers as C does: they end at a NUL, and what follows on the line is passed over.
    number = text.partition("\0")[0]
    try:
        if code in b"ILgp" and len(number) < _MOST_STRING:
            _whole(number.removesuffix("L"), empty=code == ord("I") and "\0" in text)
        elif code == ord("F"):
            float(number)
        elif code == ord("S"):
            return codecs.escape_decode(_unquoted(text))[0]
        elif code == ord("V"):
            return line[:_MOST_STRING].decode("raw-unicode-escape", "replace").encode("utf-8", "replace")
    except ValueError:
        raise _Broken from None
    return line


def _whole(text: str, *, empty: bool) -> None:
    """Raises ValueError for what is no whole number in any spelling. `empty`: nothing at all is one, to `strtol`."""
    if empty and not text.strip():
        return
    try:
        int(text, 0)
    except ValueError:
        # A 0 in front: octal to the one in C.
        int(text)


def _unquoted(text: str) -> bytes:
    if len(text) < len("''") or text[0] != text[-1] or text[0] not in "'\"":
        raise ValueError
    return text[1:-1].encode("latin-1")


def _number(code: int, argument: bytes) -> int:
    if code not in b"gp":
        return int.from_bytes(argument, "little")
    try:
        return int(argument[:_MOST_STRING].partition(b"\0")[0])
    except ValueError:
        raise _Broken from None


def _shown(text: object) -> str:
    return text.decode("utf-8", "replace")[:100] if isinstance(text, bytes) else "?"
