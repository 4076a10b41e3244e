"""ONNX models whose tensors lie in other files, or say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.support.hostile.case import Hostile
from tests.support.hostile.pickles import CALL
from tests.support.hostile.wire import GOOD, STRING, graph, held, model, node, number, tensor, value

DATA = "model.onnx.data"
EIGHT = bytes(8)


def entry(name: str, given: str | int | bytes) -> bytes:
    """One StringStringEntryProto of `external_data`."""
    return held(13, held(1, name) + held(2, given if isinstance(given, bytes) else str(given)))


def outside(
    name: str,
    dims: tuple[int, ...] = (2,),
    *,
    location: str | None = None,
    offset: str | int | None = None,
    length: str | int | None = None,
    basepath: str | None = None,
    more: bytes = b"",
    kind: int = 1,
) -> bytes:
    """A tensor that lies outside."""
    given = {"location": location, "offset": offset, "length": length, "basepath": basepath}
    told = b"".join(entry(key, one) for key, one in given.items() if one is not None)
    return tensor(name, dims, kind=kind, more=told + number(14, 1) + more)


def adding(*tensors: bytes) -> bytes:
    """X + W0 + W1 + ..."""
    nodes = [node("Add", f"{f'Z{n - 1}' if n else 'X'} W{n}", f"Z{n}") for n in range(len(tensors))]
    return model(graph([*nodes, node("Identity", f"Z{len(tensors) - 1}", "Y")], tensors))


def _of(location: str) -> bytes:
    return adding(outside("W0", location=location, offset=0, length=8))


def _places() -> Iterator[tuple[str, str]]:
    yield "../model.onnx.data", "the folder above"
    yield "../../../../etc/hostname", "a file of the host"
    yield "/etc/hostname", "a file of the host"
    yield "/proc/self/environ", "this process's secrets"
    yield "/dev/zero", "bytes without end"
    yield "file:///etc/hostname", "an address"
    yield "https://index.example/w", "an address"
    yield "sub/../../w", "up, by a detour"
    yield "sub/w", "a folder below"
    yield "./model.onnx.data", "another spelling"
    yield ".", "the folder itself"
    yield "..", "the folder above"
    yield "", "nothing"
    yield " ", "a space"
    yield "model.onnx", "the model itself"
    yield "MODEL.ONNX.DATA", "another file on this system, the same on others"
    yield "model.onnx.data ", "a space at the end"
    yield "model.onnx.data\0", "a NUL at the end"
    yield "..\\model.onnx.data", "up, on other systems"
    yield "C:\\w", "a drive"
    yield "%2e%2e/w", "up, for who decodes it"
    yield "\uff0e\uff0e/w", "up, for who folds it"
    yield "~/w", "someone's home"
    yield "$HOME/w", "someone's home"
    yield "missing.data", "a file that is not there"
    yield "a" * 5000, "a name that no file can have"


def _ranges() -> Iterator[tuple[str, bytes, Mapping[str, bytes], str]]:
    here: Mapping[str, bytes] = {DATA: EIGHT}
    long: Mapping[str, bytes] = {DATA: bytes(64)}

    def one(*, offset: str | int, length: str | int) -> bytes:
        return adding(outside("W0", location=DATA, offset=offset, length=length))

    yield "beyond the end", one(offset=4, length=8), here, "reads past the end"
    yield "far beyond", one(offset=1 << 62, length=8), here, "reads past the end"
    yield "negative offset", one(offset=-8, length=8), here, "reads before the start"
    yield "negative length", one(offset=0, length=-8), here, "a length below nothing"
    yield "huge length", one(offset=0, length=1 << 63), here, "overflows"
    yield "sum overflows", one(offset=(1 << 64) - 8, length=16), here, "overflows to 8"
    yield "hexadecimal", one(offset="0x0", length=8), here, "a number for some"
    yield "float", one(offset="0.0", length="8e0"), here, "a number for some"
    yield "underscore", one(offset="0_0", length="0_8"), here, "a number for Python"
    yield "plus", one(offset="+0", length="+8"), here, "a number for some"
    yield "spaces", one(offset=" 0", length="8 "), here, "a number for some"
    yield "other digits", one(offset="\u0660", length="\u0668"), here, "a number for Python"
    yield "no number", one(offset="zero", length="eight"), here, "no number"
    yield "4,000 digits", one(offset="0" * 4000, length=8), here, "a number that takes long"
    yield "too short", one(offset=0, length=4), here, "not as long as its sizes say"
    yield "too long", one(offset=0, length=64), long, "longer than its sizes say"
    yield "unaccounted tail", one(offset=0, length=8), {DATA: EIGHT + CALL}, "a payload after the tensors"
    yield "unaccounted head", one(offset=4096, length=8), {DATA: CALL.ljust(4096, b"\0") + EIGHT}, "before them"
    yield "zero tail", one(offset=0, length=8), {DATA: bytes(200_000)}, "zeros that nobody needs"
    yield "huge gap", one(offset=1 << 20, length=8), {DATA: bytes(1 << 20) + EIGHT}, "a gap of a megabyte"
    yield "data is a pickle", one(offset=0, length=8), {DATA: CALL}, "shorter than the file"
    yield "no data file", one(offset=0, length=8), {}, "the file is not there"
    yield "empty data file", one(offset=0, length=8), {DATA: b""}, "nothing in it"
    pair = [outside(f"W{n}", location=DATA, offset=4 * n, length=8) for n in range(2)]
    yield "overlapping", adding(*pair), {DATA: bytes(12)}, "two tensors share bytes"
    many = [outside(f"W{n}", location=DATA, offset=0, length=8) for n in range(2000)]
    yield "same bytes", adding(*many), here, "2,000 tensors out of 8 bytes"
    gap = [outside(f"W{n}", location=DATA, offset=64 * n, length=8) for n in range(2)]
    yield "gap with bytes", adding(*gap), {DATA: EIGHT + CALL.ljust(56, b"\0") + EIGHT}, "a payload between"
    far = [outside(f"W{n}", location=f"w{n}.data", offset=0, length=8) for n in range(2)]
    yield "second file missing", adding(*far), {"w0.data": EIGHT}, "one of two is there"


def _messages() -> Iterator[tuple[str, bytes, str]]:
    yield "raw and outside", adding(outside("W0", location=DATA, more=held(9, EIGHT))), "which one?"
    yield "floats and outside", adding(outside("W0", location=DATA, more=held(4, EIGHT))), "which one?"
    yield "texts outside", adding(outside("W0", kind=STRING, location=DATA, offset=0, length=8)), "texts have no bytes"
    yield "no place", adding(outside("W0", offset=0, length=8)), "outside, but where?"
    yield "nothing told", adding(tensor("W0", (2,), more=number(14, 1))), "outside, but where?"
    yield (
        "place, not outside",
        adding(tensor("W0", (2,), EIGHT, more=entry("location", "/etc/hostname"))),
        "flag is off",
    )
    yield "location 7", adding(tensor("W0", (2,), EIGHT, more=number(14, 7))), "a kind of place that is not there"
    twice = entry("location", DATA) + entry("location", "/etc/hostname") + number(14, 1)
    yield "two places", adding(tensor("W0", (2,), more=twice)), "the last one counts, or the first"
    two = entry("location", DATA) + entry("offset", 0) + entry("offset", 4) + entry("length", 8) + number(14, 1)
    yield "two offsets", adding(tensor("W0", (2,), more=two)), "which one?"
    yield "unknown entry", adding(outside("W0", location=DATA, offset=0, length=8, basepath="/etc")), "a base path"
    yield "place not UTF-8", adding(tensor("W0", (2,), more=entry("location", b"\xff\xfe") + number(14, 1))), "no text"
    constant = held(1, "value") + held(5, outside("W", location="/etc/hostname")) + number(20, 4)
    yield "in an attribute", model(graph([node("Constant", "", "Y", constant)])), "a constant outside"
    listed = held(1, "values") + held(10, outside("W", location="/etc/hostname")) + number(20, 9)
    yield "in a list", model(graph([node("Identity", "X", "Y", listed)])), "a list of tensors outside"
    sparse = held(15, held(1, outside("W", location="/etc/hostname")) + held(2, tensor("", (2,), bytes(16), kind=7)))
    yield "in a sparse tensor", model(graph([node("Identity", "X", "Y")], more=sparse + b"")), "its values are outside"
    inner = graph([node("Add", "X W", "Y")], [outside("W", location="/etc/hostname")], inputs=[])
    other = graph([node("Identity", "X", "Y")], inputs=[])
    branches = [
        held(1, name) + held(6, each) + number(20, 5) for name, each in (("then_branch", inner), ("else_branch", other))
    ]
    yes = tensor("C", (), b"\1", kind=9)
    yield "in a branch", model(graph([node("If", "C", "Y", *branches)], [yes])), "in a graph within the graph"
    given = [value("X", ["N", 2]), value("W0", [2])]
    yield (
        "as a default",
        model(graph([node("Add", "X W0", "Y")], [outside("W0", location="/etc/hostname")], inputs=given)),
        "an input",
    )
    unused = graph([node("Identity", "X", "Y")], [outside("W9", location="/etc/hostname")])
    yield "unused", model(unused), "nobody uses it, and loaders read it"


def all_of_them() -> Iterator[Hostile]:
    """Every model."""
    beside = {DATA: EIGHT, "MODEL.ONNX": EIGHT}
    for place, why in _places():
        yield Hostile("ONNX data outside", "model.onnx", _of(place), f"{place[:40]!r}: {why}", beside)
    for what, data, files, why in _ranges():
        yield Hostile("ONNX data outside", "model.onnx", data, f"{what}: {why}", files)
    for what, data, why in _messages():
        yield Hostile("ONNX data outside", "model.onnx", data, f"{what}: {why}", {DATA: EIGHT})
    yield Hostile("ONNX data outside", DATA, EIGHT, "data that no model accounts for", {"model.onnx": GOOD})
    yield Hostile("ONNX data outside", DATA, EIGHT, "data without a model")
