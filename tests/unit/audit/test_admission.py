"""What may be sealed: a statement after which nobody could read the project any more never reaches the log."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit import admission
from lockgate.audit.evidence import Evidence
from lockgate.audit.workplace import Workplace
from lockgate.core import statement as s
from lockgate.core.digest import digest_of
from lockgate.core.statement import Statement, Subject, claim_uri, resource
from lockgate.errors import LockgateError, Refused
from lockgate.trust.policy import Policy
from lockgate.trust.roles import Roles
from tests.support.evidence import Chronicle
from tests.support.machines import Machine, founded

NOTHING = digest_of(b"nobody has this")
TIME = "2026-11-25T09:00:00Z"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A project with one model; the tests work on copies."""
    return founded(tmp_path_factory.mktemp("first") / "a")[0]


@contextmanager
def workplace(first: Machine, folder: Path) -> Iterator[Workplace]:
    """A copy of the project, opened for work."""
    shutil.copytree(first.home, folder / "copy")
    machine = Machine(folder / "copy" / "project", folder / "copy")
    with machine.here(), machine.project().workplace() as place:
        yield place


def registered(place: Workplace) -> Evidence:
    """The registration."""
    return place.ledger.statements("register")[0]


def about(place: Workplace, kind: str, claim: str, **predicate: Any) -> Statement:
    """A statement about the model."""
    said = {"claim": claim_uri(claim), "time": TIME, "environment": "dev", **predicate}
    return Statement(registered(place).statement.subjects, kind, said)


def approval(place: Workplace, **changes: Any) -> Statement:
    """An approval, broken by `changes`."""
    manifest = registered(place).statement.subjects[0].digest
    return about(place, s.APPROVAL, "approve", **{"manifest": manifest, **changes})


def waiver(place: Workplace, **changes: Any) -> Statement:
    """A waiver, broken by `changes`."""
    said = {"finding": "LG435", "reason": "x", "expires": "2026-12-01T00:00:00Z", **changes}
    return about(place, s.WAIVER, "waive", **said)


def summary(place: Workplace, **changes: Any) -> Statement:
    """A verification summary, broken by `changes`."""
    said = {
        "verifier": {"id": claim_uri("promote")},
        "timeVerified": TIME,
        "environment": "dev",
        "resourceUri": "urn:lockgate:environment:dev:flights",
        "policy": resource("policy", place.policy.digest),
        "inputAttestations": [
            resource("x", one)
            for one in (registered(place).digest, *sorted(registered(place).predicate["inputs"].values()))
        ],
        "verificationResult": "PASSED",
        "verifiedLevels": [],
        **changes,
    }
    return Statement(registered(place).statement.subjects, s.VERIFICATION_SUMMARY, said)


def deployment(place: Workplace, **changes: Any) -> Statement:
    """The first deployment, resting on a summary that is sealed before; broken by `changes`."""
    said = {
        "name": "flights",
        "version": 1,
        "manifest": registered(place).statement.subjects[0].digest,
        "sequence": 1,
        "predecessor": None,
        "rung": "live",
        "share": 1.0,
        "floor": 1,
        "reason": "",
        "move": "up",
        **changes,
    }
    if "vsa" not in said:
        known = place.ledger.statements("promote")
        said["vsa"] = (known[0] if known else place.record("deployer", summary(place))).digest
    return about(place, s.DEPLOYMENT, "deploy", **said)


def head(place: Workplace, **changes: Any) -> Statement:
    """The train stage goes back to its own statement; broken by `changes`."""
    target = place.ledger.statements("train")[0].digest
    said = {"claim": claim_uri("head"), "time": TIME, "stage": "train", "target": target, "reason": "", **changes}
    return Statement((Subject("train statement", target),), s.STAGE_HEAD, said)


def registration(place: Workplace, **changes: Any) -> Statement:
    """The same closure as another version; broken by `changes`."""
    one = registered(place).statement
    return replace(one, predicate={**one.predicate, "version": 2, **changes})


def policy(place: Workplace, version: int, **changes: Any) -> Statement:
    """Another policy; broken by `changes`."""
    text = place.policy.text.replace("version = 1", f"version = {version}") + "# changed\n"
    made = Policy.from_text(text).statement(datetime(2026, 11, 25, tzinfo=UTC))
    return replace(made, predicate={**made.predicate, **changes})


Make = Callable[[Workplace], Statement]
GOOD: dict[str, tuple[str, Make]] = {
    "approve": ("approver", approval),
    "waive": ("approver", waiver),
    "promote": ("deployer", summary),
    "deploy": ("deployer", deployment),
    "head": ("trainer", head),
    "register": ("signer", registration),
    "policy": ("policy", lambda place: policy(place, 2)),
}
BAD: dict[str, tuple[str, Make]] = {
    "an approval of nothing": ("approver", lambda p: approval(p, manifest=None)),
    "a waiver without end": ("approver", lambda p: waiver(p, expires=None)),
    "a summary of nothing": ("deployer", lambda p: summary(p, inputAttestations="all")),
    "a deployment out of order": ("deployer", lambda p: deployment(p, sequence=2)),
    "a deployment after one that is not there": ("deployer", lambda p: deployment(p, predecessor=NOTHING)),
    "a deployment of what was not registered": ("deployer", lambda p: deployment(p, version=9)),
    "a deployment without summary": ("deployer", lambda p: deployment(p, vsa=NOTHING)),
    "a deployment below its floor": ("deployer", lambda p: deployment(p, floor=2)),
    "a malformed deployment": ("deployer", lambda p: deployment(p, share="all")),
    "a first deployment that moves down": ("deployer", lambda p: deployment(p, move="down")),
    "a deployment on a rung that there is not": ("deployer", lambda p: deployment(p, rung="canary")),
    "a head that points nowhere": ("trainer", lambda p: head(p, target=NOTHING)),
    "a registration of a taken name": ("signer", lambda p: registration(p, version=1, time=TIME)),
    "a registration that rests on nothing": (
        "signer",
        lambda p: registration(p, inputs={**registered(p).predicate["inputs"], "judge": NOTHING}),
    ),
    "a malformed registration": ("signer", lambda p: registration(p, files=[])),
    "a registration that leaves versions out": ("signer", lambda p: registration(p, version=3)),
    "a registration after which none can be counted": ("signer", lambda p: registration(p, version=2**31 + 1)),
    "a policy after which few versions are left": ("policy", lambda p: policy(p, 1002)),
    "an older policy": ("policy", lambda p: policy(p, 1)),
    "a policy that cannot be read": ("policy", lambda p: policy(p, 2, text="version = 2")),
}


@pytest.mark.parametrize("claim", GOOD)
def test_what_follows_is_sealed(first: Machine, tmp_path: Path, claim: str) -> None:
    """The positive control: each of these statements, unbroken, gets its entry."""
    with workplace(first, tmp_path) as place:
        role, make = GOOD[claim]
        statement = make(place)
        size = place.ledger.checkpoint.size
        assert (size, claim) == ((one := place.record(role, statement)).index, one.claim)


@pytest.fixture(scope="module")
def shared(first: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """One copy for everything that is refused: nothing that is refused changes it."""
    with workplace(first, tmp_path_factory.mktemp("shared")) as place:
        place.record("deployer", summary(place))
        yield place


@pytest.mark.parametrize("what", BAD)
def test_what_would_stop_every_reader_is_not_sealed(shared: Workplace, what: str) -> None:
    """LG864, and the log is as it was: entries, checkpoint and blobs."""
    role, make = BAD[what]
    statement = make(shared)
    before = shared.ledger.checkpoint, len(list((shared.home / "registry/blobs/sha256").iterdir()))
    with pytest.raises(Refused) as raised:
        shared.record(role, statement)
    assert raised.value.finding == "LG864"
    shared.ledger.refresh()
    assert before == (shared.ledger.checkpoint, len(list((shared.home / "registry/blobs/sha256").iterdir())))


@pytest.mark.parametrize("version", [2**63 + 1, int("9" * 4300)])
def test_a_number_that_not_everybody_can_write_is_not_sealed(shared: Workplace, version: int) -> None:
    """Signed by the role that may say so, and refused as it is read, before the sealer's key signs: LG815."""
    before = shared.ledger.checkpoint
    with pytest.raises(LockgateError) as raised:
        shared.record("signer", registration(shared, version=version))
    assert (raised.value.finding, before) == ("LG815", shared.ledger.checkpoint)


@pytest.mark.parametrize(
    ("what", "command"),
    [
        ("an approval of nothing", ["approve", "latest", "--env", "dev"]),
        ("a deployment of what was not registered", ["verify", "--all"]),
        ("a malformed registration", ["status"]),
        ("a head that points nowhere", ["status"]),
    ],
)
def test_without_the_check_the_project_would_be_stopped(
    first: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, command: list[str]
) -> None:
    """What the check is for: the same statement, sealed with the check removed, makes every later command fail."""
    monkeypatch.setattr(admission, "check_admissible", lambda *_: None)
    role, make = BAD[what]
    with workplace(first, tmp_path) as place:
        place.record(role, make(place))
    machine = Machine(tmp_path / "copy" / "project", tmp_path / "copy")
    assert machine.run(*command).code != 0
    assert first.run("verify", "--all").code == 0


@pytest.mark.parametrize(("days", "finding"), [(0, ""), (29, ""), (31, "LG864"), (-1, "LG864")])
def test_a_word_from_elsewhere_is_of_these_weeks(shared: Workplace, days: int, finding: str) -> None:
    """Whoever kept an old word back does not choose when it counts; nothing is dated ahead of the clock."""
    now = datetime(2026, 11, 25, 9, 0, tzinfo=UTC) + timedelta(days=days)
    envelope = shared.keyring.signer("approver").sign(approval(shared))
    new = replace(shared.ledger.foresee(envelope), time=now)
    if not finding:
        admission.check_from_elsewhere(new, now)
        return
    with pytest.raises(Refused) as raised:
        admission.check_from_elsewhere(new, now)
    assert raised.value.finding == finding


def test_an_expired_roles_file_lets_only_through_what_takes_away(shared: Workplace) -> None:
    """Nothing new is said under it but a revocation and the next roles file: LG824."""
    now = datetime(2026, 11, 25, tzinfo=UTC)
    expired = replace(shared.ledger.roles, expires=now)
    new = shared.ledger.foresee(shared.keyring.signer("approver").sign(approval(shared)))
    admission.check_fresh(new, expired, now, [])
    assert stale(new, expired, []) == "LG824"
    for claim in ("roles", "revoke"):
        assert stale(replace(new, claim=claim), expired, []) == ""


MOVES: dict[str, tuple[dict[str, Any], str]] = {
    "a move to a lower version": ({}, ""),
    "one that calls itself up": ({"move": "up"}, "LG824"),
    "to the same version": ({"version": 2}, "LG824"),
    "to a higher version": ({"version": 3}, "LG824"),
    "the first one of another model": ({"name": "other"}, "LG824"),
    "the first one of another environment": ({"environment": "prod"}, "LG824"),
    "a malformed one": ({"share": "all"}, "LG824"),
}


@pytest.mark.parametrize("what", MOVES)
def test_an_expired_roles_file_lets_a_version_sink(what: str) -> None:
    """A deployment of a version really below the one before it in its chain; what only calls itself so: LG824."""
    changes, finding = MOVES[what]
    log = Chronicle()
    log.policy()
    one, two = log.model("a", version=1), log.model("b", version=2)
    log.deploy(one)
    log.deploy(two)
    before = tuple(log.evidences)
    down = log.deploy(one, **{"move": "down", **changes})
    assert stale(down, expiring(log.now), before) == finding


@pytest.mark.parametrize("claim", ["approve", "waive", "promote", "head", "policy", "deploy"])
def test_no_word_in_a_statement_switches_the_expiry_off(shared: Workplace, claim: str) -> None:
    """`"move": "down"` in whatever there is: LG824, also in the first deployment, which goes down from nothing."""
    role, make = GOOD[claim]
    said = make(shared)
    envelope = shared.keyring.signer(role).sign(replace(said, predicate={**said.predicate, "move": "down"}))
    new = shared.ledger.foresee(envelope)
    roles = replace(shared.ledger.roles, expires=datetime(2026, 11, 25, tzinfo=UTC))
    assert stale(new, roles, shared.ledger.statements()) == "LG824"


def stale(new: Evidence, roles: Roles, before: Sequence[Evidence]) -> str:
    """The finding, or "", of `new` a second after `roles` has expired."""
    assert roles.expires is not None
    try:
        admission.check_fresh(new, roles, roles.expires + timedelta(seconds=1), before)
    except Refused as error:
        return error.finding
    return ""


def expiring(now: datetime) -> Roles:
    """A roles file that says nothing but when it expires."""
    return Roles(1, "0" * 64, {}, {}, now, expires=now)
