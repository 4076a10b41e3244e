"""Erasing while a gateway runs, and erasing whom nothing names: no key outlives it, and no answer says too much."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli.main import run
from lockgate.core.encoding import encode
from lockgate.errors import LockgateError
from lockgate.serve.recording import payload_format as form
from lockgate.serve.recording import payloads
from lockgate.serve.recording.entry import Entry
from lockgate.serve.recording.payloads import Keeping, of_nobody
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.trust._edgefile import parse_edge_secrets
from lockgate.trust._payloadfile import handed_secrets
from tests.support.kept_payloads import KEPT, SUBJECT, Kept, made_project
from tests.support.project import at_home
from tests.support.recording import ADA, SERVED

OTHER = "e" * 16


@pytest.fixture(name="kept")
def _kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    at_home(tmp_path, monkeypatch)
    return made_project(tmp_path / "project")


def _live(kept: Kept, scene: Callable[[SpoolRecorder], Any], subject: str = SUBJECT) -> Any:
    """A second gateway's life, with the project's own key."""
    secrets = parse_edge_secrets(handed_secrets(kept.keys, subject))
    keeping = Keeping(secrets.payload, secrets.subject_field)
    more = {"payloads": kept.folder, "keeping": keeping, "key": secrets.pseudonym, "policy": KEPT}
    return kept.bench.play(scene, gateway=OTHER, **more)


def _write(recorder: SpoolRecorder, *customers: str) -> list[str]:
    rows = [encode({SUBJECT: customer, "x": at}) for at, customer in enumerate(customers)]
    return [token for own in recorder.write([Entry(SERVED, ADA, rows, [b"1"] * len(rows))]) for token in own]


def _part(recorder: SpoolRecorder) -> Any:
    keeper = recorder._payloads
    assert keeper is not None
    return keeper._part


async def _until(done: Callable[[], object], *, sweep: SpoolRecorder | None = None) -> None:
    for _ in range(300):
        if sweep is not None:
            sweep.sweep()
        if done():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came")


def _keys(recorder: SpoolRecorder) -> int:
    """How many persons' keys the gateway holds."""
    part = _part(recorder)
    return 0 if part is None else sum(one is not None for one in part._by_subject.values())


def _looked(recorder: SpoolRecorder) -> int:
    keeper = recorder._payloads
    assert keeper is not None
    return keeper._stamp


def test_a_running_gateway_forgets_the_key_and_keeps_nothing_more(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes it over a second later finds no key of theirs; nobody else's goes."""
    monkeypatch.setattr(payloads, "LOOK_SECONDS", 0.0)

    async def scene(recorder: SpoolRecorder) -> tuple[list[str], list[str]]:
        before = _write(recorder, "c-1", "c-2")
        await _until(lambda: _keys(recorder) == 2)
        await _until(lambda: _looked(recorder) == kept.folder.stat().st_mtime_ns, sweep=recorder)
        done = await asyncio.to_thread(kept.project.erase, subject="c-1")
        assert done.counts.keys == 2
        await _until(lambda: _keys(recorder) == 1, sweep=recorder)
        after = _write(recorder, "c-1", "c-2")
        return before, after

    before, after = _live(kept, scene)
    assert [kept.finding(token) for token in (*before, *after)] == ["LG670", "", "LG670", ""]
    assert "LG7061" not in [one.finding for one in kept.project.verify_logs().warnings]
    assert kept.bench.alarms == []


def test_a_payload_is_never_sealed_under_a_key_that_was_destroyed(kept: Kept) -> None:
    """Also before the gateway has looked: it would be unreadable from the start."""

    async def scene(recorder: SpoolRecorder) -> None:
        _write(recorder, "c-1")
        await _until(lambda: _keys(recorder) == 1)
        await asyncio.to_thread(kept.project.erase, subject="c-1")
        _write(recorder, "c-1")

    _live(kept, scene)
    (data,) = kept.folder.glob(f"{OTHER}.*{form.DATA_ENDING}")
    assert len(list(payload_places(data))) == 1


def payload_places(data: Path) -> Iterator[bytes]:
    """Every payload of a part."""
    from lockgate.project.payload_files import bodies

    yield from bodies(data)


def test_keys_are_forgotten_when_their_minute_is_over(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nobody asks any more."""
    monkeypatch.setattr(payloads, "LOOK_SECONDS", 0.0)

    async def scene(recorder: SpoolRecorder) -> None:
        _write(recorder, "c-1")
        await _until(lambda: _looked(recorder) == kept.folder.stat().st_mtime_ns, sweep=recorder)
        assert _keys(recorder) == 1
        monkeypatch.setattr(payloads, "KEY_SECONDS", 0.0)
        await _until(lambda: _keys(recorder) == 0, sweep=recorder)

    _live(kept, scene)


def test_payloads_that_name_nobody_are_not_called_nothing(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """Kept without a subject_field, or with one that is no field: they are counted, with how to erase them."""

    async def scene(recorder: SpoolRecorder) -> list[str]:
        return _write(recorder, "c-9", "c-9")

    receipts = _live(kept, scene, subject="custommer")
    with pytest.raises(LockgateError) as error:
        kept.project.erase(subject="c-9")
    assert error.value.finding == "LG670"
    assert "3 payloads do not say whom they are about" in error.value.message
    assert error.value.seen["payloads"] == 3
    assert f"{OTHER}.0.1" in error.value.seen["newest"]  # type: ignore[operator]
    assert "--receipt" in error.value.next
    # Of whom something is found, the others are told as not reached.
    assert run(["log", "erase", "c-1", "-C", str(kept.made.root)]) == 0
    assert "not reached: 3 payloads that do not say whom they are about" in capsys.readouterr().err
    for token in (*receipts, kept.receipts[3]):
        kept.project.erase(receipt=token)
    with pytest.raises(LockgateError) as error:
        kept.project.erase(subject="c-9")
    assert "nothing is kept of this subject" in error.value.message


@pytest.mark.parametrize(
    ("field", "days", "told"),
    [("customer", 30, ""), ("", 0, ""), ("custommer", 0, ""), ("", 30, "no [serve]"), ("custommer", 30, "custommer")],
)
def test_a_gateway_says_when_no_payload_will_name_its_person(field: str, days: int, told: str) -> None:
    """Only where payloads are kept; a field that the contract has is silent."""
    said = of_nobody(field, ["customer", "x"], days)
    assert told in said
    assert bool(told) == bool(said)
