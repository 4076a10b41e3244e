"""How far the guard's key reaches on a ladder: the verifier of one file and the product, about the same logs.

flights@1 is live; a deployer put flights@2 on the canary beside it and authorised the climb. Then the guard moves, or
somebody who stole its key. Everything is well signed, and sealed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.statement import LADDER, Statement, Subject, claim_uri
from tests.support.evidence_archive import Made, made_archive, resealed, revocation
from tests.support.thief import said_anew, signed
from tests.support.verifier import judged, product, report_on

NEW = digest_of(b"another model")
NOTHING = "sha256:" + "0" * 64
CANARY: Mapping[str, Any] = {"rung": "canary", "share": 0.1}
HALF: Mapping[str, Any] = {"rung": "half", "share": 0.5}
LIVE: Mapping[str, Any] = {"rung": "live", "share": 1}
RUNGS = [{"name": one["rung"], "share": one["share"]} for one in (CANARY, HALF, LIVE)]


class Ladder:
    """The log with flights@2 on the canary, to be gone on with."""

    def __init__(self, made: Made) -> None:
        self.made = made
        self.said = {one.claim: one for one in made.log}
        self.log = [one.envelope for one in made.log]
        self.moves = [self.said["deploy"].digest]
        manifest = {**self.said["register"].predicate["manifest"], "digest": NEW}
        registered = self.add("signer", self._new("register", version=2, manifest=manifest))
        left = {hex_of(self.said[claim].digest) for claim in ("register", "approve", "waive")}
        listed = self.said["promote"].predicate["inputAttestations"]
        inputs = [one for one in listed if one["digest"]["sha256"] not in left]
        inputs.append({"name": "register", "digest": {"sha256": hex_of(registered)}})
        self.summary = self.add("deployer", self._new("promote", inputAttestations=inputs))
        self.old = {key: self.said["deploy"].predicate[key] for key in ("version", "manifest", "vsa")}

    def _new(self, claim: str, **changes: Any) -> Statement:
        one: Evidence = self.said[claim]
        return replace(
            one.statement, subjects=(Subject("flights@2", NEW),), predicate={**one.predicate, **changes}
        )  # fmt: skip

    def add(self, role: str, statement: Statement) -> Digest:
        """Sign and append."""
        self.log.append(signed(statement, self.made.project.keyring.signer(role)))
        return digest_of(self.log[-1])

    def move(self, role: str, rung: Mapping[str, Any], **changes: Any) -> None:
        """The next move; of flights@2, unless it says otherwise."""
        follows = {"sequence": len(self.moves) + 1, "predecessor": self.moves[-1]}
        said = {"version": 2, "manifest": NEW, "vsa": self.summary, "move": "up", **follows, **rung, **changes}
        statement = self._new("deploy", **said)
        subject = Subject(f"flights@{said['version']}", Digest(said["manifest"]))
        self.moves.append(self.add(role, replace(statement, subjects=(subject,))))

    def authorise(self, **changes: Any) -> Digest:
        """A deployer's word for the climb of flights@2."""
        predicate = {
            "claim": claim_uri("authorise"),
            "environment": "prod",
            "name": "flights",
            "version": 2,
            "manifest": NEW,
            "policy": self.said["policy"].statement.subjects[0].digest,
            "rungs": RUNGS,
            "reason": "",
            "time": "2026-11-23T09:00:30Z",
            "expires": "2026-11-24T00:00:00Z",
            **changes,
        }
        return self.add("deployer", Statement((Subject("flights@2", NEW),), LADDER, predicate))

    def judged(self, folder: Path) -> tuple[int, bool]:
        """The exit code of the one, and whether the other refuses."""
        files = resealed(self.made, self.log)
        code, why = judged(self.made, files, folder)
        assert code in (0, 3)
        assert code == 0 or "step 6" in why, why
        return code, product(self.made, files, folder) != ""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A model live in prod, honestly."""
    with made_archive(tmp_path_factory.mktemp("evidence")) as found:
        yield found


UP: Mapping[str, tuple[dict[str, Any], Mapping[str, Any], dict[str, Any], bool]] = {
    "to the next rung": ({}, HALF, {}, True),
    "over a rung": ({}, LIVE, {}, False),
    "to a rung that is not on it": ({}, {"rung": "quarter", "share": 0.25}, {}, False),
    "with more than its share": ({}, {"rung": "half", "share": 0.6}, {}, False),
    "to the end of a shorter one": ({"rungs": [RUNGS[0], RUNGS[2]]}, LIVE, {}, True),
    "after its end": ({"expires": "2026-11-23T09:00:00Z"}, HALF, {}, False),
    "of another environment": ({"environment": "dev"}, HALF, {}, False),
    "of another version": ({"version": 1}, HALF, {}, False),
    "over another floor": ({}, HALF, {"floor": 2}, False),
    "by nobody's leave": ({}, HALF, {"authorisation": NOTHING}, False),
    "under another summary": ({}, HALF, {"vsa": "old"}, False),
}


@pytest.mark.parametrize("name", UP)
def test_the_guard_climbs_as_far_as_it_may(name: str, made: Made, tmp_path: Path) -> None:
    """One rung at a time, on a deployer's word for this candidate, in time: both say the same."""
    given, rung, changes, good = UP[name]
    ladder = Ladder(made)
    ladder.move("deployer", CANARY)
    leave = ladder.authorise(**given)
    changes = {"authorisation": leave, **changes}
    if changes.get("vsa") == "old":
        changes["vsa"] = ladder.old["vsa"]
    ladder.move("guard", rung, **changes)
    assert ((0, False) if good else (3, True)) == ladder.judged(tmp_path)


def test_the_guard_climbs_on_nothing_old_or_taken_back(made: Made, tmp_path: Path) -> None:
    """An authorisation that was revoked before the move, or given before the candidate stood there; no candidate."""
    revoked, early, alone = Ladder(made), Ladder(made), Ladder(made)
    revoked.move("deployer", CANARY)
    leave = revoked.authorise()
    revoked.add("revoker", revocation(leave))
    revoked.move("guard", HALF, authorisation=leave)
    leave = early.authorise()
    early.move("deployer", CANARY)
    early.move("guard", HALF, authorisation=leave)
    alone.move("guard", LIVE, authorisation=alone.authorise())
    assert [one.judged(tmp_path) for one in (revoked, early, alone)] == [(3, True)] * 3


DOWN: Mapping[str, tuple[Mapping[str, Any], bool, bool]] = {
    "to a rung that it had": (CANARY, False, True),
    "to a rung that it never had": ({"rung": "tenth", "share": 0.05}, False, False),
    "off the ladder": (LIVE, True, True),
    "up, in fact": (LIVE, False, False),
    "to where it stands": (HALF, False, False),
}


@pytest.mark.parametrize("name", DOWN)
def test_the_guard_goes_down_to_where_a_model_stood(name: str, made: Made, tmp_path: Path) -> None:
    """What says that it goes down does, to what stood there, as it stood there."""
    rung, old, good = DOWN[name]
    ladder = Ladder(made)
    ladder.move("deployer", CANARY)
    leave = ladder.authorise()
    ladder.move("guard", HALF, authorisation=leave)
    ladder.move("guard", rung, move="down", **(ladder.old if old else {}))
    assert ((0, False) if good else (3, True)) == ladder.judged(tmp_path)


def test_what_the_gate_let_pass_is_told(made: Made, tmp_path: Path) -> None:
    """The findings of the summary on which the model is live, as it says them; a line without any means that none."""
    reasons = [{"finding": "LG455", "level": "warn", "message": "one source is unlike the others"}]
    for listed, expected in ((reasons, ["let pass  in prod: LG455 one source is unlike the others"]), ([], [])):
        log = [one.envelope for one in made.log]
        said = {one.claim: one for one in made.log}
        ring = made.project.keyring
        log[11] = signed(said_anew(said["promote"], reasons=listed), ring.signer("deployer"))
        log[12] = signed(said_anew(said["deploy"], vsa=digest_of(log[11])), ring.signer("deployer"))
        code, report = report_on(made, resealed(made, log), tmp_path)
        assert code == 0
        assert expected == [line for line in report["found"] if line.startswith("let pass")]


@pytest.mark.parametrize(
    "changes",
    [{"move": "down"}, {"authorisation": NOTHING}, {"move": "sideways"}, {"floor": 2}, "the live one"],
    ids=["says down", "names an authorisation", "neither", "raises the floor", "of what is live"],
)
def test_a_deployer_s_move_does_what_it_says(changes: Any, made: Made, tmp_path: Path) -> None:
    """Beside it, the honest one."""
    honest, ladder = Ladder(made), Ladder(made)
    honest.move("deployer", CANARY)
    assert honest.judged(tmp_path) == (0, False)
    ladder.move("deployer", CANARY, **(ladder.old if changes == "the live one" else changes))
    assert ladder.judged(tmp_path) == (3, True)
