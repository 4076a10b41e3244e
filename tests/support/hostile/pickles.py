"""Pickles, under their own names and under the names of what may come in. Nothing is ever unpickled."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from tests.support.hostile import opcodes as op
from tests.support.hostile.case import COMMAND, EXPRESSION, Hostile
from tests.support.hostile.gadgets import GADGETS

OWN_NAMES = ("model.pkl", "model.pickle", "model.joblib", "pytorch_model.bin", "model.pt", "weights.pth", "last.ckpt")
DISGUISES = (
    "model.onnx",
    "weights.safetensors",
    "config.json",
    "README.md",
    "vocab.txt",
    "data.npy",
    "table.csv",
    "LICENSE",
    "MLmodel",
    "conda.yaml",
    "model.onnx.data",
    "arrays.npz",
    "notes",
    "requirements.txt",
    "setup.cfg",
)
SYSTEM = ("os", "system", (COMMAND,))
EVAL = ("builtins", "eval", (EXPRESSION,))
CALL = op.text(*SYSTEM)
TEXTS = (op.text, op.text_memo, op.inst)


def gadgets() -> Iterator[Hostile]:
    """Each gadget in three spellings, none of them under the same kind of name."""
    for number, (module, name, arguments) in enumerate(GADGETS):
        for turn, names in enumerate((OWN_NAMES, DISGUISES)):
            encoding = op.ENCODINGS[(number * 2 + turn * 5 + number // len(op.ENCODINGS)) % len(op.ENCODINGS)]
            yield Hostile(
                f"pickle gadget, {'own name' if turn == 0 else 'disguised'}",
                names[(number + number // len(names)) % len(names)],
                encoding(module, name, arguments),
                f"unpickling calls {module}.{name} ({encoding.__name__})",
            )


def spellings() -> Iterator[Hostile]:
    """One gadget in every spelling, under every name of a text: these look like text to a reader of first bytes."""
    for encoding in op.ENCODINGS:
        yield Hostile("pickle spelling", "model.pkl", encoding(*SYSTEM), f"calls os.system ({encoding.__name__})")
        yield Hostile("pickle spelling", "bare", encoding(*EVAL), f"calls eval ({encoding.__name__})")
    for number, name in enumerate(DISGUISES):
        encoding = TEXTS[number % len(TEXTS)]
        yield Hostile("pickle as text", name, encoding(*SYSTEM), f"a text that calls os.system ({encoding.__name__})")


def _structures() -> Iterator[tuple[str, bytes, str]]:
    fourth, second = op.fourth(*SYSTEM), op.second(*SYSTEM)
    yield "no STOP", fourth[:-1], "calls before the stream breaks off"
    yield "no STOP, text", CALL[:-1], "calls before the text breaks off"
    yield "broken tail", second[:-1] + b"\xff\xff\xff\xff", "calls before the opcode that nobody knows"
    yield "broken tail, text", CALL[:-1] + b"\n\nThe rest is prose.\n", "calls before the prose"
    yield "after STOP", second + b"harmless\n" * 40, "text follows"
    yield "after STOP, text", CALL + b"\n# Model card\n\nA harmless text.\n" * 3, "text follows a text"
    yield "second of two", op.proto(2) + b"I1\n" + op.STOP + second, "the second pickle of a file calls"
    yield "second of two, text", b"I1\n." + CALL, "the second pickle of a text calls"
    yield "third of three, text", b"I1\n.(lp0\n." + CALL, "the third pickle of a text calls"
    yield "hidden by POP, text", b"V# Model card\n0" + CALL, "a title that is pushed and taken away again"
    yield "titles, text", b"V# Model card\n0V\n0VThis model is harmless.\n0" + CALL, "a whole text pushed and popped"
    yield "STRING title, text", b"S'# A card'\n0" + CALL, "a quoted title"
    yield "number first, text", b"I01\n0F1.5\n0L5L\n0" + CALL, "numbers first"
    yield "hexadecimal, text", b"I0x0\n0" + CALL, "a number as C writes it"
    yield "octal, text", b"I010\n0L0o7L\n0" + CALL, "numbers with a 0 in front"
    yield "number and NUL", b"I0\0 a\n0F1\0 b\n0L2\0 c\n0" + CALL, "C reads a number up to a NUL"
    yield "NUL for a number", b"I\0 a\n0" + CALL, "nothing is 0 to C"
    yield "list, text", b"(lp0\nI1\naI2\na.", "a whole pickle, without a call: nobody needs one here"
    yield "dict, text", b"(dp0\nVweights\np1\n(lp2\nF0.5\nas.", "a whole pickle, without a call"
    yield "escaped names", b"(V\\u006f\\u0073\nVsystem\n\x93(Vtrue\ntR.", "names are escaped"
    yield "CRLF", CALL.replace(b"\n", b"\r\n"), "lines of another system; names then end with CR"
    yield "spaces before", b"   " + second, "junk before the stream"
    yield "BOM before", b"\xef\xbb\xbf" + second, "a byte order mark before the stream"
    yield "NUL before", b"\0" * 16 + second, "NUL bytes before the stream"
    yield "page before", b"\0" * 4096 + fourth, "a page of NUL bytes before the stream"
    yield "persistent id", op.proto(2) + op.short(COMMAND) + b"Q.", "BINPERSID asks the loader's own function"
    yield "EXT1", op.proto(2) + b"\x82\x01" + op.EMPTY_TUPLE + op.REDUCE + op.STOP, "a name out of the registry"
    yield "EXT4", op.proto(2) + b"\x84\x01\0\0\0" + op.EMPTY_TUPLE + op.REDUCE + op.STOP, "a name out of the registry"
    yield "future protocol", b"\x80\x09" + second[2:], "a protocol that is not there yet"
    yield "two PROTO", op.proto(0) + op.proto(4) + fourth[2:], "two of them, and the first lies"
    yield "PROTO in the middle", op.proto(2) + op.NONE + op.POP + fourth, "a second PROTO within"
    yield "frame of nothing", op.proto(4) + op.frame(b"") * 8 + fourth[11:], "empty frames first"
    yield "frame beyond", op.proto(4) + op.frame(fourth[11:], 1 << 40), "a frame longer than the file"
    yield "overlong frame", op.proto(4) + op.frame(fourth[11:], 2**64 - 1), "a frame of 2^64 bytes"
    yield "memo far", op.proto(2) + op.line_global("os", "system") + b"r\xff\xff\xff\x7f0" + second[2:], "memo 2^31"
    yield "negative LONG4", op.proto(2) + b"\x8b\xff\xff\xff\xff" + second[2:], "a number of negative length"
    yield "huge BINBYTES8", op.proto(4) + b"\x8e" + b"\xff" * 7 + b"\x7f" + fourth[2:], "2^63 bytes are promised"
    yield "GET before PUT", b"g7\n" + CALL, "a memo that nobody filled"
    yield "deep marks", op.proto(2) + b"(" * 100_000 + second[2:], "100,000 marks"
    yield "deep tuples", op.proto(2) + op.NONE + b"\x85" * 100_000 + op.STOP, "nested 100,000 deep"
    yield "laughs", _laughs(), "2^40 items out of 500 bytes"
    yield "opcode flood", op.proto(2) + (op.NONE + op.POP) * 400_000 + second[2:], "800,000 opcodes before the call"
    yield "flood, text", b"I1\n0" * 50_000 + CALL, "100,000 opcodes before the call, all text"
    yield "long line, text", b"V" + b"a" * 300_000 + b"\n0" + CALL, "a line of 300,000 letters before the call"
    yield "nested", op.second("pickle", "loads", (op.text(*EVAL),)), "a pickle in a pickle"
    yield "nested twice", op.fourth("pickle", "loads", (op.second("_pickle", "loads", (CALL,)),)), "twice"
    yield "base64 of one", b"S'" + base64.b64encode(fourth) + b"'\ncbase64\nb64decode\n(g0\ntR.", "decoded when loaded"
    yield "getattr chain", _chain(), "builtins.getattr(import_module('os'), 'system')"
    yield "duplicate names", second[:2] + op.line_global("collections", "OrderedDict") + b"0" + second[2:], "bait first"
    yield "allowed name only", op.second("collections", "OrderedDict", ()), "a pickle, though of a harmless class"
    yield "numpy array", _array(), "an array as joblib writes it: a pickle all the same"
    yield "NEXT_BUFFER", op.proto(5) + b"\x97\x98" + fourth[2:], "buffers from outside"
    yield "bytearray", op.proto(5) + b"\x96" + (4).to_bytes(8, "little") + b"evil" + fourth[2:], "BYTEARRAY8"
    yield "set of calls", op.proto(4) + b"\x8f(" + fourth[2:-1] + b"\x90.", "a call within a set"
    yield "unicode module", op.fourth("o\u017f", "system", (COMMAND,)), "a name that folds into another"
    yield "latin-1 text", b"c\xf6s\nsystem\n(Vtrue\ntR.", "a global with a letter beyond ASCII, not UTF-8"
    yield "vertical text", CALL.replace(b"true", b"true\x0b\x0c"), "control characters among the arguments"


def _laughs() -> bytes:
    """Each list holds the one before twice."""
    body = op.proto(4) + b"]\x94"
    for _ in range(40):
        body += b"](h\x00h\x00e\x94" if len(body) < 12 else b"](" + op.DUP * 2 + b"e\x94"
    return body + op.STOP


def _chain() -> bytes:
    imported = op.line_global("importlib", "import_module") + b"(Vos\ntR"
    got = op.line_global("builtins", "getattr") + b"(" + imported + b"Vsystem\ntR"
    return got + b"(Vtrue\ntR."


def _array() -> bytes:
    made = op.line_global("numpy.core.multiarray", "_reconstruct")
    made += b"(" + op.line_global("numpy", "ndarray") + b"(I0\ntS'b'\ntR"
    state = b"(I1\n(I1\nt" + op.line_global("numpy", "dtype") + b"(S'f8'\nI0\nI1\ntRI00\nS'12345678'\ntb"
    return made + state + op.STOP


def structures() -> Iterator[Hostile]:
    """Streams that confuse a reader; those that are texts come as texts too."""
    for number, (what, data, why) in enumerate(_structures()):
        yield Hostile("pickle structure", OWN_NAMES[number % len(OWN_NAMES)], data, f"{what}: {why}")
        if what.endswith("text"):
            yield Hostile("pickle as text", f"card-{number}.md", data, f"{what}: {why}")
            yield Hostile("pickle as text", f"vocab-{number}.txt", data, f"{what}: {why}")


def all_of_them() -> Iterator[Hostile]:
    """Every pickle."""
    yield from gadgets()
    yield from spellings()
    yield from structures()
