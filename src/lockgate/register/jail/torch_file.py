"""A torch checkpoint as a container: its pickle, and the storages that the pickle refers to. Nothing in it is run.

    since 2020   a zip archive, nothing compressed: R/data.pkl, R/data/KEY per storage, R/byteorder, R/version
    before       one stream: pickles of a magic number, of a version, of the machine, of the value, of the keys; then
                 for each key its number of elements (8 bytes, little-endian) and the elements

Trusted: nothing about the bytes. Promised: no more bytes of storages are read than the file has.

Source: `torch/serialization.py` (`_legacy_load`, `_load`) and `caffe2/serialize/inline_container.cc`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, Final

from lockgate.errors import Refused
from lockgate.register.jail.torch_pickle import NotPlain, Storage, load, malformed

MAGIC: Final = 0x1950A86A20F9469CFC6C
MAGIC_BYTES: Final = MAGIC.to_bytes(10, "little")
"""As a pickle spells it, within the first bytes of an older file."""
_LEGACY_VERSION: Final = 1001
_MOST_MEMBERS: Final = 1_000_000
_MOST_PICKLE: Final = 256 << 20
_ENCRYPTED: Final = 0x1
_SCRIPT: Final = frozenset({"constants.pkl", "code"})


@dataclass(frozen=True)
class Checkpoint:
    """`value`: what was saved, each tensor a `View`; `read`: the bytes of a storage. It raises Refused LG483."""

    value: Any
    read: Callable[[Storage], bytes]
    form: str


def read_zip(source: BinaryIO, size: int) -> Checkpoint:
    """The archive `source` of `size` bytes, which stays open for as long as storages are read.

    Raises NotPlain; Refused LG481 TorchScript, LG483 malformed.
    """
    try:
        archive = zipfile.ZipFile(source)
        members = _members(archive)
        root = _root(members)
        _check_stored(members)
        _order(archive, members, root)
        pickled = members[f"{root}data.pkl"]
        if pickled.file_size > _MOST_PICKLE:
            raise malformed("its pickle is larger than the limit", bytes=pickled.file_size, limit=_MOST_PICKLE)
        with archive.open(pickled) as stream:
            value, _ = load(stream)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise malformed(f"it is no whole zip archive ({type(error).__name__})") from None
    taken = 0

    def read(storage: Storage) -> bytes:
        nonlocal taken
        member = members.get(f"{root}data/{storage.key}")
        if member is None:
            raise malformed(f"it has no storage {storage.key[:40]!r}")
        if member.file_size != storage.size:
            raise malformed(f"the storage {storage.key[:40]!r} has another size than is said of it")
        # Members that lie upon each other would let a small file speak for a large one.
        taken += member.file_size
        if taken > size:
            raise malformed("its storages are together larger than the file")
        try:
            return archive.read(member)
        except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
            raise malformed(f"the storage {storage.key[:40]!r} is damaged ({type(error).__name__})") from None

    return Checkpoint(value, read, "torch checkpoint")


def read_legacy(source: BinaryIO, size: int) -> Checkpoint:
    """The stream `source`, as `read_zip`. Raises NotPlain; Refused LG483."""
    if load(source)[0] != MAGIC or load(source)[0] != _LEGACY_VERSION:
        raise malformed("it does not begin as torch's older files do")
    load(source)
    value, storages = load(source)
    keys, _ = load(source)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
        raise malformed("its list of storages is none")
    begins = _begins(source, keys, storages, size)

    def read(storage: Storage) -> bytes:
        if storage.key not in begins:
            raise malformed(f"it has no storage {storage.key[:40]!r}")
        source.seek(begins[storage.key])
        return source.read(storage.size)

    return Checkpoint(value, read, "torch checkpoint, older form")


def _begins(stream: IO[bytes], keys: list[str], storages: Mapping[str, Storage], size: int) -> dict[str, int]:
    """Where the bytes of each storage begin. The stream stands before the first, and they end with the file."""
    begins: dict[str, int] = {}
    for key in keys:
        storage, head = storages.get(key), stream.read(8)
        if storage is None or int.from_bytes(head, "little") != storage.count or len(head) != 8:
            raise malformed(f"the storage {key[:40]!r} has another size than is said of it")
        begins[key] = stream.tell()
        if begins[key] + storage.size > size:
            raise malformed(f"the storage {key[:40]!r} ends with the file")
        stream.seek(begins[key] + storage.size)
    if stream.read(1):
        raise malformed("bytes at its end belong to no storage", offset=stream.tell() - 1)
    return begins


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    listed = archive.infolist()
    if len(listed) > _MOST_MEMBERS:
        raise malformed("it has more members than the limit", members=len(listed), limit=_MOST_MEMBERS)
    members: dict[str, zipfile.ZipInfo] = {}
    for member in listed:
        if member.filename in members:
            raise malformed(f"it has {member.filename[:80]!r} twice")
        members[member.filename] = member
    return members


def _check_stored(members: Mapping[str, zipfile.ZipInfo]) -> None:
    for name, member in members.items():
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & _ENCRYPTED:
            raise malformed(f"{name[:80]!r} is compressed or encrypted, which torch never does")


def _root(members: Mapping[str, zipfile.ZipInfo]) -> str:
    found = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(found) != 1:
        raise malformed("it has not exactly one data.pkl", found=len(found))
    root = found[0].removesuffix("data.pkl")
    if any(not name.startswith(root) for name in members):
        raise malformed("its members are not all in one folder")
    if any(name.removeprefix(root).split("/")[0] in _SCRIPT for name in members):
        raise Refused(
            "LG481",
            "it is TorchScript, which holds a program",
            next="save model.state_dict() where the model was made, or export it: torch.onnx.export(..., dynamo=True)",
        )
    return root


def _order(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], root: str) -> None:
    member = members.get(f"{root}byteorder")
    if member is not None and (member.file_size > 8 or archive.read(member) != b"little"):
        raise NotPlain("numbers of a machine whose bytes stand in the other order")
