"""Payloads that the policy keeps: opened by the key's holder alone, compared with the log, erased by their keys."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from lockgate.core.encoding import encode
from lockgate.core.records import parse_receipt
from lockgate.project import payloads as kept_payloads
from lockgate.serve.recording import payloads
from lockgate.serve.recording.entry import Entry
from lockgate.serve.recording.payload_format import KEYS_ENDING, SLOT_BYTES
from lockgate.serve.recording.payloads import Keeping, expire
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.trust._edgefile import parse_edge_secrets
from lockgate.trust._payloadfile import handed_secrets
from tests.support.kept_payloads import KEPT, SUBJECT, Kept, made_project
from tests.support.project import at_home
from tests.support.recording import ADA, SERVED, Bench
from tests.support.sealed_predictions import seal_predictions


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("payloads")
    with pytest.MonkeyPatch.context() as patch:
        at_home(folder, patch)
        yield made_project(folder / "project")


@pytest.fixture(name="kept")
def _kept(made: Kept) -> Iterator[Kept]:
    """With what was kept as it was, whatever a test does to it."""
    before = made.files()
    yield made
    for path in made.files().keys() - before.keys():
        path.unlink()
    for path, data in before.items():
        path.write_bytes(data)
        path.chmod(0o600)


def test_the_holder_of_the_key_reads_what_was_asked_and_answered(kept: Kept) -> None:
    """Every row, by its receipt or its place, and the log commits to both; nobody else reads a byte of it."""
    found = [kept.project.payload(token) for token in kept.receipts]
    assert [one.input["x"] for one in found] == [1, 2, 3, 4]
    assert [one.output["value"] for one in found] == [1, 2, 3, 4]
    assert all(one.committed for one in found)
    receipt = parse_receipt(kept.receipts[2])
    assert kept.project.payload(f"{receipt.gateway}.1.1").input["x"] == 3
    everything = b"".join(kept.files().values())
    for secret in (b"customer", b"c-1", b"value", receipt.salt, kept.receipts[2].encode()):
        assert secret not in everything
    assert {0o600} == {path.stat().st_mode & 0o777 for path in kept.files()}


def test_without_the_key_or_with_another_nothing_opens(kept: Kept) -> None:
    """The gateway's half of it does not do; nor does what a person makes up."""
    path = kept.keys / "payload.json"
    right = path.read_bytes()
    for wrong, finding in [
        (None, "LG669"),
        (b"", "LG669"),
        (right.replace(b'"v":1', b'"v":2'), "LG669"),
        (right[:-10], "LG669"),
        (encode({"private": "11" * 32, "v": 1}), "LG671"),
    ]:
        path.unlink(missing_ok=True)
        if wrong is not None:
            path.write_bytes(wrong)
            path.chmod(0o600)
        assert finding == kept.finding(kept.receipts[0])
    path.write_bytes(right)
    path.chmod(0o644)
    assert kept.finding(kept.receipts[0]) == "LG831"
    path.chmod(0o600)
    assert kept.finding(kept.receipts[0]) == ""


def test_what_was_changed_or_swapped_does_not_pass(kept: Kept) -> None:
    """A bit of a key or of a payload; a key in another slot: refused, never another's payload."""
    for path, data in kept.files().items():
        for position in range(20, len(data), 97):
            changed = bytearray(data)
            changed[position] ^= 1
            path.write_bytes(changed)
            found = [kept.finding(token) for token in kept.receipts]
            assert set(found) <= {"", "LG670", "LG671", "LG731"}
            right = [
                kept.project.payload(token).input["x"]
                for token, one in zip(kept.receipts, found, strict=True)
                if not one
            ]
            assert right == [x for x, one in zip((1, 2, 3, 4), found, strict=True) if not one]
        path.write_bytes(data)
    (keys,) = kept.folder.glob(f"*{KEYS_ENDING}")
    slots = [keys.read_bytes()[at : at + SLOT_BYTES] for at in range(0, keys.stat().st_size, SLOT_BYTES)]
    assert len(slots) == 5
    keys.write_bytes(b"".join((*slots[:2], slots[3], slots[2], slots[4])))
    assert [kept.finding(token) for token in kept.receipts] == ["LG671", "LG671", "LG671", ""]


def test_a_payload_that_the_log_does_not_commit_to_is_refused(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that keeps something else than it answered is found out."""
    real = payloads.PayloadKeeper._rows

    def lying(self: Any, entry: Entry, tokens: list[str]) -> Any:
        entry.encoded = [b'{"value":9}'] * len(tokens)
        return real(self, entry, tokens)

    monkeypatch.setattr(payloads.PayloadKeeper, "_rows", lying)
    secrets = parse_edge_secrets(handed_secrets(kept.keys, SUBJECT))

    async def scene(recorder: SpoolRecorder) -> list[str]:
        return list(recorder.write([Entry(SERVED, ADA, [b'{"x":1}'], [b'{"value":1}'])])[0])

    more = {"payloads": kept.folder, "keeping": Keeping(secrets.payload), "key": secrets.pseudonym, "policy": KEPT}
    (token,) = kept.bench.play(scene, gateway="d" * 16, **more)
    assert kept.project.payload(token).committed is None
    seal_predictions(kept.made, kept.bench.spools)
    assert kept.finding(token) == "LG671"


def test_a_payload_is_read_where_its_log_is_elsewhere(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror whose records another machine seals has no log: read, and said to be proved by nothing."""
    monkeypatch.setattr(kept_payloads, "log_here", lambda *_: None)
    assert kept.project.payload(kept.receipts[0]).committed is None
    monkeypatch.undo()
    assert kept.project.payload(kept.receipts[0]).committed


def test_parts_end_with_their_days(kept: Kept) -> None:
    """Older than the policy keeps them: keys are overwritten, then both files go; younger ones stay."""
    (kept.folder / "note.txt").write_text("a person's")
    assert expire(kept.folder, time.time() + 29 * 86_400) == 0
    (keys,) = kept.folder.glob(f"*{KEYS_ENDING}")
    held = kept.keys / "held"
    held.hardlink_to(keys)
    assert expire(kept.folder, time.time() + 31 * 86_400) == 1
    assert set(held.read_bytes()) == {0}
    held.unlink()
    assert [path.name for path in kept.files()] == ["note.txt"]
    assert kept.finding(kept.receipts[0]) == "LG670"


def test_a_disk_that_keeps_nothing_is_told_and_answers_go_on(tmp_path: Path) -> None:
    """Payloads are counted as lost; records and receipts are as ever."""
    bench = Bench(tmp_path)

    async def scene(recorder: SpoolRecorder) -> None:
        recorder.write([Entry(SERVED, ADA, [b'{"x":1}'], [b'{"value":1}'])])
        assert await recorder.durable()

    public = X25519PrivateKey.from_private_bytes(b"k" * 32).public_key().public_bytes_raw()
    bench.play(scene, payloads=tmp_path / "none", keeping=Keeping(public), policy=KEPT)
    assert bench.tally.rows["payload_lost"] == 1
    assert len(bench.records()) == 1


@pytest.mark.parametrize(("size", "lost"), [(100, 0), (400, 2)], ids=["small", "large"])
def test_what_waits_to_be_sealed_is_bounded_in_bytes(
    size: int, lost: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few rows that are large are too much as well; one alone is always taken, and all that is taken is kept."""
    monkeypatch.setattr(payloads, "MOST_BYTES", 350)
    bench, folder, go = Bench(tmp_path), tmp_path / "payloads", threading.Event()
    folder.mkdir()
    turn = payloads.PayloadKeeper._turn
    monkeypatch.setattr(payloads.PayloadKeeper, "_turn", lambda keeper, days: go.wait(5) and turn(keeper, days))
    row = encode({"x": "y" * (size - 8)})

    async def scene(recorder: SpoolRecorder) -> None:
        for _ in range(3):
            assert recorder.write([Entry(SERVED, ADA, [row], [b"{}"])])[0]
        go.set()

    public = X25519PrivateKey.from_private_bytes(b"k" * 32).public_key().public_bytes_raw()
    bench.play(scene, payloads=folder, keeping=Keeping(public), policy=KEPT)
    assert bench.tally.rows["payload_lost"] == lost
    (data,) = folder.glob("*.data")
    assert data.stat().st_size > (3 - lost) * size
