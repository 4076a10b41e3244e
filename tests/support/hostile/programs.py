"""Programs, sources, containers of other frameworks and texts that are not what they seem. Headers only: none runs."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

from tests.support.hostile import opcodes as op
from tests.support.hostile.case import EXPRESSION, Hostile
from tests.support.hostile.pickles import CALL, SYSTEM
from tests.support.hostile.zips import plain

_HDF = b"\x89HDF\r\n\x1a\n"
_LAMBDA = json.dumps({"class_name": "Lambda", "config": {"function": ["4wEAAAA=\n", None, None]}}).encode()
_V3 = json.dumps({"module": "builtins", "class_name": "eval", "config": EXPRESSION, "registered_name": None}).encode()

_PROGRAMS: tuple[tuple[str, bytes, str], ...] = (
    ("program", b"\x7fELF\2\1\1" + bytes(57), "ELF"),
    (
        "library.so",
        b"\x7fELF\2\1\1\0" + bytes(8) + b"\3\0\x3e\0" + bytes(44),
        "a shared object, loaded as a custom operator",
    ),
    ("setup.exe", b"MZ\x90\0" + bytes(56) + b"\x40\0\0\0PE\0\0", "PE"),
    ("driver.dll", b"MZ" + bytes(126), "PE"),
    ("program.macho", b"\xcf\xfa\xed\xfe\x07\0\0\1" + bytes(24), "Mach-O"),
    ("fat.dylib", b"\xca\xfe\xba\xbe\0\0\0\2" + bytes(40), "Mach-O for two machines, or a Java class"),
    ("A.class", b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(20), "a Java class"),
    ("module.wasm", b"\0asm\1\0\0\0", "WebAssembly"),
    ("m.cpython-311.pyc", b"\xa7\x0d\x0d\x0a" + bytes(12) + b"\xe3" + bytes(16), "Python bytecode"),
    ("kernel.cubin", b"\x7fELF\2\1\1\x33" + bytes(56), "a program for a graphics card"),
    ("code.bc", b"BC\xc0\xde" + bytes(28), "LLVM bitcode"),
    ("classes.dex", b"dex\n035\0" + bytes(104), "an Android program"),
    ("script", b"#!/bin/sh\ntrue\n", "a shell script"),
    ("script.txt", b"#!/usr/bin/env python3\n1 + 1\n", "a script called a text"),
    ("README.md", b"#! /bin/sh\ntrue\n", "a script called a text"),
    ("modeling.py", b"1 + 1\n", "source"),
    ("MODELING.PY", b"1 + 1\n", "source, in capitals"),
    ("setup.py", b"", "source, empty"),
    ("train.ipynb", b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}', "a notebook"),
    ("custom.cpp", b"int main() { return 0; }\n", "source that a loader compiles"),
    ("kernel.cu", b"__global__ void f() {}\n", "source that a loader compiles"),
    ("install.sh", b"true\n", "a shell script"),
    ("install.bat", b"@echo off\r\n", "a script"),
    ("install.ps1", b"Get-Date\n", "a script"),
    ("index.html", b"<html><script>1 + 1</script></html>\n", "a page that runs"),
    ("image.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1 + 1</script></svg>", "an image that runs"),
    ("app.js", b"1 + 1;\n", "source"),
    ("lua.lua", b"return 1\n", "source"),
    ("Makefile", b"all:\n\ttrue\n", "a recipe"),
    ("Dockerfile", b"FROM scratch\n", "a recipe"),
    ("start.pth", b"import os; os.getcwd()\n", "a line that Python runs at its start"),
    ("hook.desktop", b"[Desktop Entry]\nExec=true\n", "a starter"),
    ("trojan.npy", b"\x7fELF\2\1\1" + bytes(57), "a program called an array"),
    ("trojan.safetensors", b"MZ\x90\0" + bytes(124), "a program called tensors"),
    ("trojan.onnx", b"#!/bin/sh\ntrue\n", "a script called a model"),
    ("trojan.json", b"\x7fELF\2\1\1" + bytes(57), "a program called JSON"),
)
_CONTAINERS: tuple[tuple[str, bytes, str], ...] = (
    ("model.h5", _HDF + bytes(40) + _LAMBDA, "HDF5 with a Lambda"),
    ("weights.hdf5", _HDF + bytes(88), "HDF5: its links may leave the file"),
    ("model.onnx", _HDF + bytes(40) + _LAMBDA, "HDF5 called a model"),
    ("block.txt", b"A harmless text.".ljust(512) + _HDF + bytes(88), "HDF5 behind a block of text"),
    ("block.h5", bytes(1024) + _HDF + _LAMBDA, "HDF5 behind a block of zeros"),
    ("model.keras", plain({"config.json": _LAMBDA, "metadata.json": b"{}", "model.weights.h5": _HDF}), "a Lambda"),
    ("custom.keras", plain({"config.json": _V3, "metadata.json": b"{}", "model.weights.h5": _HDF}), "a module by name"),
    ("lambda.zip", plain({"config.json": _LAMBDA}), "a Lambda in a zip"),
    ("saved_model.pb", b"\x08\1\x12\x10\x0a\x02\x22\x00serve\x12\x04PyFunc", "a TensorFlow graph"),
    ("model.pdmodel", b"\x0a\x10\x08\0\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\1" + bytes(16), "a Paddle program"),
    ("model.params", b"\x12\x01\0\0\0\0\0\0" + bytes(24), "MXNet"),
    ("model.rds", b"RDX3\nX\n\0\0\0\3" + bytes(20), "R: promises are evaluated when read"),
    ("model.RData", b"RDA3\nA\n3\n262657\n197888\n5\nUTF-8\n1026\n", "R, as a text"),
    ("model.jls", b"7JL\x0b\4\0\0\0" + bytes(16), "Julia: serialised closures"),
    ("model.ser", b"\xac\xed\0\5sr\0\x11java.util.HashMap", "Java objects"),
    ("model.mat", b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM", "MATLAB: function handles"),
    (
        "model.pmml",
        b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><PMML>&a;</PMML>",
        "XML",
    ),
    (
        "laughs.xml",
        b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><x>&b;</x>",
        "XML that grows",
    ),
    ("graph.db", b"SQLite format 3\0" + bytes(84), "a database: triggers and views"),
    ("table.parquet", b"PAR1" + bytes(8) + b"PAR1", "a table: not on the list"),
    ("data.arrow", b"ARROW1\0\0" + bytes(24), "a table: not on the list"),
    ("flax.msgpack", b"\x81\xa6params\xc7\x10\1" + bytes(16), "msgpack with types of its own"),
    ("model.plist", b"bplist00" + bytes(40), "a property list: keyed archives make objects"),
    ("movie.gif", b"GIF89a" + bytes(20) + CALL, "an image with a pickle behind"),
    ("image.png", b"\x89PNG\r\n\x1a\n" + bytes(40), "an image: not on the list"),
    ("paper.pdf", b"%PDF-1.7\n1 0 obj\n<< /OpenAction << /S /JavaScript /JS (1+1) >> >>\n", "runs when opened"),
    ("doc.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), "may hold macros"),
    ("model.llamafile", b"MZqFpD='\n" + bytes(40), "a program that is a model"),
    ("ggml.bin", b"lmgg\1\0\0\0" + bytes(24), "an old format of llama.cpp"),
)


def _gguf(template: str, *, count: int = 1, length: int | None = None) -> bytes:
    """A GGUF header: magic, version, tensors, entries; each entry is name, type 8 (a text), text."""

    def text(one: bytes, told: int | None = None) -> bytes:
        return struct.pack("<Q", len(one) if told is None else told) + one

    entry = text(b"tokenizer.chat_template") + struct.pack("<I", 8) + text(template.encode(), length)
    return b"GGUF" + struct.pack("<I2Q", 3, 0, count) + entry


def _texts() -> Iterator[tuple[str, bytes, str]]:
    yield "utf16.txt", "import os\n".encode("utf-16"), "UTF-16"
    yield "utf16be.txt", "text".encode("utf-16-be"), "UTF-16 without a mark"
    yield "utf32.md", "text".encode("utf-32"), "UTF-32"
    yield "latin.txt", "caf\xe9\n".encode("latin-1"), "not UTF-8"
    yield "utf7.txt", b"\xff+AGE-\n", "not UTF-8"
    yield "cut.txt", b"caf\xc3", "cut within a letter"
    yield "overlong.txt", b"\xc0\xaf..\xc0\xaf\n", "an overlong slash"
    yield "surrogate.txt", b"\xed\xa0\x80\n", "a surrogate"
    yield "beyond.txt", b"\xf4\x90\x80\x80\n", "beyond Unicode"
    yield "nul.txt", b"text\0text\n", "a NUL: readers in C stop there"
    yield "nul-last.txt", b"text\n\0", "a NUL at the end"
    yield "bell.txt", b"text\x07\n", "a control character"
    yield "escape.txt", b"\x1b]0;title\x07\x1b[2J\n", "commands to a terminal"
    yield "escape.md", b"# Card\n\x1b[31mred\x1b[0m\n", "commands to a terminal"
    yield "backspace.md", b"safe\x08\x08\x08\x08evil\n", "shows something else than it says"
    yield "empty.pkl", b"", "nothing, under a pickle's name"
    yield "text.pkl", b"Just a text.\n", "a text under a pickle's name"
    yield "text.pt", b"Just a text.\n", "a text under torch's name"
    yield "text.bin", b"Just a text.\n", "a text under a name that loaders unpickle"
    yield "text.ckpt", b"Just a text.\n", "a text under a name that loaders unpickle"
    yield "text.h5", b"Just a text.\n", "a text under an HDF5 file's name"
    yield "text.npy", b"1 2 3\n", "a text under an array's name: numpy falls back to pickle"
    yield "text.npz", b"1 2 3\n", "a text under an archive's name"
    yield "text.safetensors", b"1 2 3 4 5\n", "a text under the name of tensors"
    yield "text.keras", b"{}\n", "JSON under a Keras file's name"
    yield "text.gguf", b"GG\n", "a text under a model's name"
    yield "array.json", b"\x93NUMPY\1\0\x02\0{}", "an array under the name of JSON"
    yield "noise.dat", bytes((n * 167 + 13) % 256 for n in range(4096)), "nobody knows what it is"
    yield "noise", bytes((n * 89 + 7) % 256 for n in range(256)), "nobody knows what it is"
    yield "zeros.bin", bytes(4096), "nobody knows what it is"
    yield "sparse.pt", bytes(16) + op.fourth(*SYSTEM), "zeros, then a pickle"


def all_of_them() -> Iterator[Hostile]:
    """Everything that is neither a pickle nor a format of ours."""
    for name, data, why in _PROGRAMS:
        yield Hostile("program or source", name, data, why)
    for name, data, why in _CONTAINERS:
        yield Hostile("container of others", name, data, why)
    for name, data, why in _texts():
        yield Hostile("text that is none", name, data, why)
    yield Hostile("GGUF", "model.gguf", _gguf("{{ ''.__class__.__mro__ }}"), "its template runs")
    yield Hostile("GGUF", "plain.gguf", _gguf("{{ messages }}"), "a form that is not on the list")
    yield Hostile("GGUF", "count.gguf", _gguf("", count=1 << 62), "2^62 entries")
    yield Hostile("GGUF", "length.gguf", _gguf("x", length=1 << 62), "a text of 2^62 bytes")
    yield Hostile("GGUF", "model.bin", _gguf("{{ cycler.__init__.__globals__ }}"), "called otherwise")
