"""Witnesses before the verifier of one file: whom it counts, for how much of the log, and of when."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockgate.core.encoding import decode, encode
from lockgate.trust.note import sign_note
from tests.support.evidence_archive import Made, made_archive
from tests.support.verifier import NOW, report_on, verifier

NOON = datetime.fromisoformat(NOW)
V = verifier()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """The untouched archive."""
    with made_archive(tmp_path_factory.mktemp("evidence")) as found:
        yield found


def _witness(name: str, seed: bytes) -> tuple[str, Ed25519PrivateKey, bytes]:
    key = Ed25519PrivateKey.from_private_bytes(seed * 32)
    public = key.public_key().public_bytes_raw()
    hashed = V.key_id(name, 4, public)
    return f"{name}+{hashed.hex()}+{base64.b64encode(bytes([4]) + public).decode()}", key, hashed


def _cosigned(note: bytes, time: int, *seeds: tuple[str, bytes]) -> bytes:
    text = note.partition(b"\n\n")[0] + b"\n"
    for name, seed in seeds:
        _, key, hashed = _witness(name, seed)
        signature = hashed + time.to_bytes(8, "big") + key.sign(b"cosignature/v1\ntime %d\n%b" % (time, text))
        note += f"\N{EM DASH} {name} {base64.b64encode(signature).decode()}\n".encode()
    return note


def test_witnesses_are_counted_by_key_and_not_ahead_of_time(made: Made, tmp_path: Path) -> None:
    """One key under two names is one (usage); the sealer's own is none; a time of the future is none, and no harm."""
    bare = {name: data for name, data in made.files.items() if not name.startswith(("records/", "proofs/", "log/pred"))}
    bare["index.json"] = encode({**decode(made.files["index.json"]), "predictions": None})
    noon, note = int(NOON.timestamp()), made.files["log/events/checkpoint"]

    def judge(time: int, *seeds: tuple[str, bytes], options: tuple[str, ...] = ()) -> tuple[int, dict[str, Any]]:
        files = Made(made.project, bare, (), ()).with_files({"log/events/checkpoint": _cosigned(note, time, *seeds)})
        lines = [each for seed in seeds for each in ("--witness", _witness(*seed)[0])]
        return report_on(made, files, tmp_path, *lines, *options)

    one, same, other = ("w1", b"w"), ("w2", b"w"), ("w3", b"v")
    assert judge(noon - 60, one, other)[0] == 0
    assert judge(noon - 60, one, same)[0] == 2
    assert judge(noon - 60, one, one)[0] == 2
    for ahead in (noon + 3600, 1 << 39, (1 << 64) - 1):
        code, report = judge(ahead, one)
        assert (code, any("in the future" in each for each in report["warnings"])) == (1, True)
        assert judge(ahead, one, options=("--min-witnesses", "0"))[0] == 0
    sealer = made.project.created.roles.sealer_key()
    line = f"x+{V.key_id('x', 4, sealer).hex()}+{base64.b64encode(bytes([4]) + sealer).decode()}"
    code, report = report_on(made, made.files, tmp_path, "--witness", line, "--min-witnesses", "0")
    assert (code, "the sealer's own" in report["failed"]) == (2, True)


def test_a_witness_counts_for_what_it_saw_and_when(made: Made, tmp_path: Path) -> None:
    """Of the first entry alone: said so, and not counted. Three years ago: not counted, however fresh the log's own
    heartbeat is, which the sealer's key makes alone; where no witness is asked for, that counts.
    """
    noon, name = int(NOON.timestamp()), f"lockgate/{made.root}/events"
    sign, key = made.project.keyring.signer("sealer").sign_note, made.project.created.roles.sealer_key()
    bare = {one: data for one, data in made.files.items() if not one.startswith(("records/", "proofs/", "log/pred"))}
    bare["index.json"] = encode({**decode(made.files["index.json"]), "predictions": None})
    note, leaf = made.files["log/events/checkpoint"], V.read_leaves(made.files["log/events/leaves"])[0]
    root = base64.b64encode(V.leaf_hash(leaf)).decode()
    first = sign_note(f"{name}\n1\n{root}\n".encode(), name, key, sign)
    witness = ("--witness", _witness("w1", b"w")[0])

    def judge(changed: Mapping[str, bytes], *options: str) -> tuple[int, dict[str, Any]]:
        return report_on(made, Made(made.project, bare, (), ()).with_files(changed), tmp_path, *options)

    prefix = {"log/events/cosigned": _cosigned(first, noon - 60, ("w1", b"w"))}
    code, report = judge(prefix, *witness)
    assert code == 1
    assert "its first 1 of 14 entries cosigned by w1" in report["steps"][2]["said"]
    assert any("has no second version" in one for one in report["not_proved"])
    text = note.partition(b"\n\n")[0] + b"\n"
    signed = (noon - 60).to_bytes(8, "big") + sign(b"cosignature/v1\ntime %d\n%b" % (noon - 60, text))
    beat = f"\N{EM DASH} {name} {base64.b64encode(V.key_id(name, 4, key) + signed).decode()}\n".encode()
    old = {"log/events/checkpoint": _cosigned(note + beat, noon - 3 * 365 * 86400, ("w1", b"w"))}
    assert judge(old, *witness)[0] == 0
    assert judge(old, *witness, "--max-age", "24")[0] == 1
    assert judge(old, "--max-age", "24")[0] == 0
    fresh = {"log/events/checkpoint": _cosigned(note + beat, noon - 90, ("w1", b"w"))}
    assert judge(fresh, *witness, "--max-age", "24")[0] == 0
