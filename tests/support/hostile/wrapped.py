"""Pickles in the wrappers that frameworks put around them: zip, tar, gzip and others, under honest and other names."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator

from tests.support.hostile import opcodes as op
from tests.support.hostile import zips
from tests.support.hostile.case import EXPRESSION, Hostile
from tests.support.hostile.gadgets import GADGETS
from tests.support.hostile.pickles import CALL, SYSTEM

_LEGACY = 0x1950A86A20F9469CFC6C


def torch_zip(pickled: bytes) -> bytes:
    """What `torch.save` writes since 1.6: an archive with its pickle, a version and the storages."""
    return zips.plain(
        {
            "archive/data.pkl": pickled,
            "archive/.format_version": b"1",
            "archive/byteorder": b"little",
            "archive/data/0": b"\0" * 64,
            "archive/version": b"3\n",
            "archive/.data/serialization_id": b"0" * 40,
        }
    )


def torch_legacy(pickled: bytes) -> bytes:
    """What `torch.save` wrote before: a magic number, a version, a system's description, the object, the keys."""
    magic = op.proto(2) + b"\x8a\x0a" + _LEGACY.to_bytes(10, "little") + op.STOP
    version = op.proto(2) + b"M\xe9\x03."
    described = op.proto(2) + op.EMPTY_DICT + op.binary("little_endian") + b"\x88s."
    return magic + version + described + pickled + op.proto(2) + b"]." + bytes(8)


def torch_script(pickled: bytes) -> bytes:
    """TorchScript: the archive also holds source that is compiled when loaded."""
    source = b"class M(Module):\n  def forward(self: __torch__.M, x: Tensor) -> Tensor:\n    return x\n"
    return zips.plain(
        {
            "m/data.pkl": pickled,
            "m/code/__torch__.py": source,
            "m/code/__torch__.py.debug_pkl": pickled,
            "m/constants.pkl": op.proto(2) + op.EMPTY_TUPLE + op.STOP,
            "m/version": b"3\n",
        }
    )


def torch_package(pickled: bytes) -> bytes:
    """`torch.package`: python modules beside the pickle."""
    return zips.plain({"p/.data/version": b"6\n", "p/model/model.pkl": pickled, "p/mine.py": b"1 + 1\n"})


def torch_tar(pickled: bytes) -> bytes:
    """The oldest form of torch."""
    return tarred({"sys_info": pickled, "pickle": pickled, "storages": b"\0" * 8, "tensors": b"\0" * 8})


def tarred(members: dict[str, bytes]) -> bytes:
    """A tar archive of files, without times or owners."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            one = tarfile.TarInfo(name)
            one.size = len(data)
            archive.addfile(one, io.BytesIO(data))
    return held.getvalue()


def gzipped(pickled: bytes) -> bytes:
    """One gzip member."""
    return gzip.compress(pickled, mtime=0)


def zstd_raw(pickled: bytes) -> bytes:
    """A zstd frame with one raw block: magic, single segment with 4 bytes of size, block header, bytes."""
    block = ((len(pickled) << 3) | 1).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(pickled)) + block + pickled


def lz4_raw(pickled: bytes) -> bytes:
    """An LZ4 frame with one stored block, as `joblib` writes when asked to."""
    head = b"\x04\x22\x4d\x18\x60\x70\x73"
    return head + struct.pack("<I", len(pickled) | 1 << 31) + pickled + bytes(4)


def old_joblib(pickled: bytes) -> bytes:
    """The ZFile of joblib before 0.10: `ZF`, a length in 19 hexadecimal places, zlib."""
    return b"ZF" + hex(len(pickled)).ljust(19).encode() + zlib.compress(pickled)


def skops(pickled: bytes) -> bytes:
    """A skops archive: its schema names the classes to be made, here a function."""
    schema = b'{"__class__":"system","__module__":"os","__loader__":"FunctionNode","protocol":2,"content":{}}'
    return zips.plain({"schema.json": schema, "1.npy": pickled})


def keras_zip(pickled: bytes) -> bytes:
    """A Keras 3 archive with a pickle where its weights should be."""
    return zips.plain({"metadata.json": b"{}", "config.json": b"{}", "model.weights.h5": pickled})


def spark(pickled: bytes) -> bytes:
    """A Hadoop sequence file with a pickle, as PySpark saves RDDs."""
    return b'SEQ\x06!org.apache.hadoop.io.NullWritable"org.apache.hadoop.io.BytesWritable\0\0' + pickled


def pem(pickled: bytes) -> bytes:
    """A NeMo checkpoint: a tar in a gzip, a torch archive within."""
    return gzipped(tarred({"./model_config.yaml": b"target: nemo.M\n", "./model_weights.ckpt": torch_zip(pickled)}))


Wrapper = Callable[[bytes], bytes]
WRAPPERS: tuple[tuple[Wrapper, str], ...] = (
    (torch_zip, "pytorch_model.bin"),
    (torch_legacy, "model.pt"),
    (torch_script, "traced.pt"),
    (torch_package, "package.pt"),
    (torch_tar, "old.pth.tar"),
    (gzipped, "model.pkl.gz"),
    (bz2.compress, "model.pkl.bz2"),
    (lzma.compress, "model.joblib.xz"),
    (lambda data: lzma.compress(data, lzma.FORMAT_ALONE), "model.joblib.lzma"),
    (zlib.compress, "model.joblib"),
    (lambda data: zlib.compress(data, 1), "model.joblib.z"),
    (zips.squeezed, "model.deflate"),
    (zstd_raw, "model.pkl.zst"),
    (lz4_raw, "model.joblib.lz4"),
    (old_joblib, "old.joblib"),
    (skops, "model.skops"),
    (keras_zip, "model.keras"),
    (spark, "part-00000"),
    (pem, "model.nemo"),
    (lambda data: gzipped(gzipped(gzipped(data))), "model.gz.gz.gz"),
    (lambda data: zips.plain({"inner.zip": zips.plain({"model.pkl": data})}), "nested.zip"),
    (lambda data: zips.plain({"a.tar.gz": gzipped(tarred({"model.pkl": data}))}, method=zips.DEFLATED), "bundle.zip"),
    (lambda data: tarred({"model.tar": tarred({"model.pkl": data})}), "model.tar"),
    (lambda data: bytes(range(256)) * 2 + data, "unknown.bin"),
    (lambda data: b"\x89HDF\r\n\x1a\n" + bytes(24) + data, "weights.h5"),
    (lambda data: struct.pack("<Q", 2) + b"{}" + data, "tail.safetensors"),
    (
        lambda data: (
            b"\x93NUMPY\x01\x00v\x00"
            + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117)
            + b"\n"
            + data
        ),
        "objects.npy",
    ),
)
NAMES = ("model.onnx", "model.safetensors", "config.json", "README.md", "arrays.npz", "array.npy", "LICENSE")


def all_of_them() -> Iterator[Hostile]:
    """Each wrapper with its own name and another, around different gadgets and spellings."""
    for number, (wrap, name) in enumerate(WRAPPERS):
        module, called, arguments = GADGETS[number * 7 % len(GADGETS)]
        encoding = op.ENCODINGS[number % len(op.ENCODINGS)]
        data = wrap(encoding(module, called, arguments))
        yield Hostile("wrapped pickle", name, data, f"holds a pickle that calls {module}.{called}")
        inner = (CALL, op.fourth(*SYSTEM), op.second("builtins", "exec", (EXPRESSION,)))[number % 3]
        yield Hostile("wrapped pickle", NAMES[number % len(NAMES)], wrap(inner), f"{name}, called something else")
    for wrap, name in (*WRAPPERS[:6], WRAPPERS[9]):
        data = wrap(op.fourth(*SYSTEM))
        yield Hostile(
            "wrapped pickle, broken", f"cut-{name}", data[: len(data) * 2 // 3], "cut off, yet begun by loaders"
        )
        yield Hostile("wrapped pickle, broken", f"padded-{name}", data + b"\0" * 999, "bytes follow")
