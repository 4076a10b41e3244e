"""Drills: model files that run, hide or break something when they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lockgate.drills.replays.hub import Member, npy, pickle, safetensors, smuggled, zipped
from lockgate.drills.replays.spec import Drill

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene
    from lockgate.drills.replays.spec import Tried

_COMMAND: Final = "touch stolen"
_SEVEN_ZIP: Final = b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24)


def _pickles(scene: Scene) -> Tried:
    checkpoint = zipped(Member("archive/data.pkl", pickle(_COMMAND)), Member("archive/version", b"3\n"))
    schema = b'{"__class__": "system", "__module__": "posix", "__loader__": "FunctionNode"}'
    hostile = {
        "merges.txt": pickle(_COMMAND),
        "pytorch_model.bin": checkpoint,
        "adapter.safetensors": checkpoint,
        "scaler.joblib": pickle(_COMMAND),
        "encoder.skops": zipped(Member("schema.json", schema)),
        "scales.npy": npy("|O", pickle(_COMMAND)),
    }
    return smuggled(
        scene, hostile, "hid six pickles in a model: as a text, tensors, an array, and under their own names"
    )


def _archives(scene: Scene) -> Tried:
    whole, evil = Member("a.npy", npy()), Member("data.pkl", pickle(_COMMAND))
    hostile = {
        "sums.npz": zipped(whole, Member("b.npy", npy(), crc=7)),
        "packed.npz": _SEVEN_ZIP,
        "cut.npz": zipped(whole, evil)[:-20],
        "before.npz": zipped(whole, before=pickle(_COMMAND)),
        "nested.npz": zipped(whole, Member("more.npy", zipped(evil))),
        "named.npz": zipped(whole, evil),
        "twice.npz": zipped(whole, Member("a.npy", npy("|O", pickle(_COMMAND)))),
        "behind.safetensors": safetensors() + zipped(evil),
    }
    return smuggled(scene, hostile, "broke, cut, wrapped, nested and prefixed archives that a scanner would give up on")


def _headers(scene: Scene) -> Tried:
    hostile = {
        "gap.safetensors": safetensors(data_offsets=[8, 32]),
        "large.safetensors": safetensors(shape=[1 << 20, 1 << 20]),
        "overflow.safetensors": safetensors(dtype="U8", shape=[(1 << 61) + 3, 8]),
        "backwards.safetensors": safetensors(data_offsets=[24, 0]),
        "negative.safetensors": safetensors(shape=[-2, -3]),
        "length.safetensors": (1 << 63).to_bytes(8, "little") + safetensors()[8:],
        "kind.npy": npy("__import__('os').system('true')"),
        "graph.onnx": b"\x08\x08\x3a" + b"\xff" * 9 + b"\x01",
    }
    return smuggled(
        scene, hostile, "gave tensors headers with false sizes, offsets and types, and a graph a false length"
    )


DRILLS: tuple[Drill, ...] = (
    Drill(
        "pickle-in-disguise",
        "hides pickles among a model's files, under harmless names",
        "LT10",
        "formats-by-content",
        "LG410",
        _pickles,
        incident=8,
    ),
    Drill(
        "broken-archives",
        "sends archives that scanners cannot read and loaders can",
        "LT10",
        "fully-parsed",
        "LG471",
        _archives,
        incident=9,
    ),
    Drill(
        "malformed-headers",
        "sends tensors whose headers lie about sizes and offsets",
        "LT10",
        "checked-parser",
        "LG465",
        _headers,
        incident=10,
        limit="a fault in the runtime itself, met by a well-formed file, is left to its jail and its updates",
    ),
)
