"""Published vectors: transparency-dev/merkle proofs, transparency-dev/tessera's log, the examples of the C2SP texts."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.log import Log, vkey_bytes
from lockgate.audit.tiles import Tile, parse_path, tiles_of
from lockgate.audit.verify import full_verify
from lockgate.core.checkpoint import parse_checkpoint, parse_note, parse_vkey
from lockgate.core.merkle import check_consistency, check_inclusion, consistency_proof, leaf_hash
from lockgate.errors import VerificationFailed
from lockgate.trust.note import verify_note

VECTORS = Path(__file__).parents[1] / "vectors"
MERKLE = VECTORS / "merkle" / "testdata"
TESSERA = VECTORS / "tessera-log" / "testdata" / "log"
TESSERA_KEY = parse_vkey("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")


def _vectors(kind: str) -> list[Any]:
    return [pytest.param(path, id=str(path.relative_to(MERKLE))) for path in sorted((MERKLE / kind).rglob("*.json"))]


def _load(path: Path) -> dict[str, Any]:
    vector: dict[str, Any] = json.loads(path.read_text("utf-8"))
    for key in ("root", "leafHash", "root1", "root2"):
        vector[key] = base64.b64decode(vector.get(key) or "")
    vector["proof"] = [base64.b64decode(found) for found in vector["proof"] or []]
    return vector


@pytest.mark.parametrize("path", _vectors("inclusion"))
def test_inclusion_vector(path: Path) -> None:
    """An inclusion proof verifies exactly when its publisher says so."""
    v = _load(path)
    args = (v["leafHash"], v["leafIdx"], v["treeSize"], v["proof"], v["root"])
    if v["wantErr"]:
        with pytest.raises(ValueError, match=r".") as error:
            check_inclusion(*args)
        assert error.type is ValueError
    else:
        check_inclusion(*args)


@pytest.mark.parametrize("path", _vectors("subtreeinclusion"))
def test_subtree_inclusion_vector(path: Path) -> None:
    """A proof within the aligned subtree D[start:end] is one within a tree of its size."""
    v = _load(path)
    count = v["end"] - v["start"]
    aligned = count > 0 and v["start"] % (1 << (count - 1).bit_length()) == 0
    args = (v["leafHash"], v["leafIdx"] - v["start"], count, v["proof"], v["root"])
    if v["wantErr"] and aligned:
        with pytest.raises(ValueError, match=r"."):
            check_inclusion(*args)
    elif not v["wantErr"]:
        check_inclusion(*args)


@pytest.mark.parametrize("path", _vectors("consistency"))
def test_consistency_vector(path: Path) -> None:
    """A consistency proof verifies exactly when its publisher says so."""
    v = _load(path)
    args = (v["size1"], v["root1"], v["size2"], v["root2"], v["proof"])
    if v["wantErr"]:
        with pytest.raises(ValueError, match=r"."):
            check_consistency(*args)
    else:
        check_consistency(*args)


def _tessera(size: int, folder: Path) -> Path:
    """The published log as our reader expects it, at one of its sizes."""
    shutil.copytree(TESSERA / "tile", folder / "tile")
    shutil.copy(TESSERA / f"checkpoint.{size}", folder / "checkpoint")
    (folder / "log.vkey").write_bytes(vkey_bytes(TESSERA_KEY.public_key, TESSERA_KEY.name))
    return folder


@pytest.mark.parametrize("size", range(16))
def test_tessera_log_is_read_at_every_checkpoint(size: int, tmp_path: Path) -> None:
    """Another implementation's log verifies with our reader, key, tiles, entries and all, at each size."""
    log = Log.open(_tessera(size, tmp_path), public_key=TESSERA_KEY.public_key, origin=TESSERA_KEY.name)
    assert size == log.size
    assert size == len(list(log.entries(0, size)))
    report = full_verify(tmp_path, public_key=TESSERA_KEY.public_key, origin=TESSERA_KEY.name)
    assert (size == 15) == (not report.leftovers)


def test_tessera_checkpoints_are_consistent(tmp_path: Path) -> None:
    """Each published checkpoint is a prefix of the last, proved from the published tiles."""
    log = Log.open(_tessera(15, tmp_path), public_key=TESSERA_KEY.public_key, origin=TESSERA_KEY.name)
    for size in range(1, 16):
        text = verify_note((TESSERA / f"checkpoint.{size}").read_bytes(), TESSERA_KEY.name, TESSERA_KEY.public_key)
        old = parse_checkpoint(text)
        check_consistency(size, old.root, 15, log.root, consistency_proof(size, 15, log.subtree))


def test_tessera_log_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    """Beside it: the same log with one bit of one entry changed."""
    bundle = _tessera(15, tmp_path) / "tile" / "entries" / "000.p" / "15"
    data = bytearray(bundle.read_bytes())
    data[-1] ^= 1
    bundle.write_bytes(data)
    with pytest.raises(VerificationFailed) as error:
        full_verify(tmp_path, public_key=TESSERA_KEY.public_key, origin=TESSERA_KEY.name)
    assert error.value.finding == "LG706"
    assert error.value.seen["entry"] == 14


def test_tlog_tiles_example_of_a_tree_of_70000() -> None:
    """C2SP tlog-tiles: 273 full and a 112 wide on level 0, one full and a 17 wide on level 1, a 1 wide on level 2."""
    tiles = [tile for tile in tiles_of(70_000) if tile.level >= 0]
    assert [
        (
            level,
            sum(t.level == level and t.width == 256 for t in tiles),
            next(t.width for t in tiles[::-1] if t.level == level),
        )
        for level in range(3)
    ] == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert [Tile(0, 0), Tile(1, 0, 1)] == [tile for tile in tiles_of(256) if tile.level >= 0]


def test_tlog_tiles_example_of_a_path() -> None:
    """C2SP tlog-tiles: index 1234067 is written x001/x234/067."""
    assert Tile(3, 1_234_067).path == "tile/3/x001/x234/067"
    assert Tile(3, 1_234_067, 5) == parse_path("tile/3/x001/x234/067.p/5")


def test_signed_note_and_checkpoint_examples() -> None:
    """C2SP signed-note and tlog-checkpoint: the examples parse, and are the one spelling of what they say."""
    note = (
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
        "\u2014 quasimodo.example/salvatore "
        "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
    ).encode()
    parsed = parse_note(note)
    assert parsed.text.endswith("ed è subito sera.\n".encode())
    assert [s.name for s in parsed.signatures] == ["quasimodo.example/salvatore"]
    checkpoint = parse_checkpoint(
        b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)


def test_rfc6962_leaf_hash_of_nothing() -> None:
    """The leaf hash of an empty entry, as every implementation's test has it."""
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
