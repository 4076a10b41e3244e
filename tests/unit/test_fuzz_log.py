"""The fuzzed parsers of the log, without atheris: seeds that fit, what hypothesis makes of them, and what was found."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import fuzz_targets_log
from scripts.fuzz_targets import TARGETS, seeds

NAMES = tuple(fuzz_targets_log.TARGETS)
SEEDS = {name: list(seeds(name)) for name in NAMES}


def test_every_parser_of_the_log_has_a_target() -> None:
    """What a stranger, a gateway or a disk may put into a log: each kind is on the list."""
    assert {
        "log-note", "log-signed", "log-key", "log-cosignature", "log-request", "log-proof", "log-tile", "log-spool",
        "log-record", "log-receipt", "log-slot", "log-leaf", "log-envelope", "log-appended", "log-evidence",
        "log-manifest",
    } == set(NAMES)  # fmt: skip
    assert set(NAMES) <= set(TARGETS)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(data=st.data())
def test_changed_seeds_are_answered(name: str, data: st.DataObject) -> None:
    """A piece of a good one replaced, doubled, cut out, or put from another: refused or read, in one way by all."""
    random = Random(data.draw(st.integers(0, 1 << 32)))
    one, other = bytearray(random.choice(SEEDS[name])), random.choice(SEEDS[name])
    for _ in range(random.randrange(4)):
        at, count = random.randrange(len(one) + 1), random.choice((0, 1, 1, 2, 40))
        start = random.randrange(len(other) + 1)
        one[at : at + count] = random.choice(
            (b"", random.randbytes(1), other[start : start + count], one[at : at + count] * 2, b"\n", b"0", b"\xff\xff")
        )
    TARGETS[name].target(bytes(one))


@given(st.binary(max_size=80))
@settings(max_examples=50)
def test_any_bytes_are_answered(data: bytes) -> None:
    """Whatever it is."""
    for name in NAMES:
        TARGETS[name].target(data)


def test_readers_that_disagree_are_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target sees that two readers say different things, and what is no refusal."""
    monkeypatch.setattr("lockgate.core.record_scan.place_of", lambda _: (b"0" * 16, 0))
    with pytest.raises(AssertionError, match="not the same"):
        fuzz_targets_log.record(b"{}")
    monkeypatch.setattr(fuzz_targets_log._verifier(), "read_proof", lambda _: None)
    with pytest.raises(AssertionError, match="not the same"):
        fuzz_targets_log.proof(SEEDS["log-proof"][0])

    def broken(_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("lockgate.audit.evidence.Leaf.parse", broken)
    with pytest.raises(KeyError):
        fuzz_targets_log.leaf(b"{}")
