"""project.threats: facts come from the verified log and the policy in force, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.deploy.revoking import revoke
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.project import Project
from lockgate.project.threats.catalogue import check_can_be_accepted, check_ids, shipped
from lockgate.project.threats.gather import _alone, _as_strict
from lockgate.project.threats.line import drill_line
from lockgate.project.threats.look import look
from lockgate.project.threats.page import ThreatsPage
from lockgate.threats.rules import judge
from lockgate.trust import pin
from lockgate.trust.policy import Policy, default_policy
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.signer import generate
from tests.support.project import SignedProject, fork, register_here, signed_project
from tests.support.threats import CONFIG, NOW, PROGRAM, facts_of, held, of, outcome, said, threat, under, without

DRILLS = tuple(held().drills)
_LT11 = "lockgate drill --threat LT11 --env prod"
JAILED = ("ingest", "validate", "train", "judge", "scan")


@pytest.fixture(scope="module", name="first")
def _first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedProject]:
    with pytest.MonkeyPatch.context() as patch:
        signed = signed_project(tmp_path_factory.mktemp("threats"), patch)
        (signed.root / "lockgate.toml").write_text(CONFIG)
        pin.pin(signed.created.project_id, signed.root, signed.clock())
        yield signed


@pytest.fixture(name="signed")
def _signed(first: SignedProject, tmp_path: Path) -> SignedProject:
    return fork(first, tmp_path)


def test_what_is_gathered_step_by_step(signed: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing yet; a registered model; a model that is live; a newer one beside it; one that was revoked."""
    empty = facts_of(signed)
    assert (empty.model, empty.live, empty.used) == ("", False, frozenset())
    assert set(empty.proofs) == {"policy", "roles", "log"}
    assert threat("LT08", empty).status == "OUT"
    signed.candidate()
    register_here(signed, monkeypatch)
    registered = facts_of(signed)
    assert (registered.model, registered.live, registered.used) == ("flights@1", False, frozenset({"run"}))
    assert {*JAILED, "register"} <= set(registered.proofs)
    assert registered.jails == dict.fromkeys(JAILED, 3)
    deploy(signed.workplace("dev"), DeploySpec("flights@1", "dev", reason="the first"))
    signed.candidate(2.0)
    register_here(signed, monkeypatch)
    live = facts_of(signed)
    assert (live.model, live.live, "deployed" in live.used) == ("flights@1", True, True)
    assert live.proofs["deploy"].wrong == ""
    assert live.proofs["train"].by == "mara"
    newest = facts_of(signed, "prod")
    assert (newest.model, newest.live, "deployed" in newest.used) == ("flights@2", False, False)
    assert newest.proofs["train"].index > live.proofs["train"].index
    revoke(signed.workplace(), "flights@1", "it leaks")
    gone = facts_of(signed)
    assert "it leaks" in gone.proofs["train"].wrong
    assert "LG514" in gone.proofs["deploy"].wrong
    assert threat("LT15", gone).status == "BROKEN"


def test_what_the_gate_says_now_of_what_is_live(signed: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that rose after a model went live: what it refuses now shows at the control of that rule."""
    signed.candidate(refused_rows=50)
    register_here(signed, monkeypatch)
    deploy(signed.workplace("dev"), DeploySpec("flights@1", "dev", reason="the first"))
    assert facts_of(signed).refused == {}
    text = signed.policy.text.replace("version = 1", "version = 2")
    text = text.replace("[environment.dev]", '[environment.dev]\nmax_quarantined_share = "1 %"')
    signed.record("policy", Policy.from_text(text).statement(signed.clock()))
    found = facts_of(signed)
    assert list(found.refused) == ["max_quarantined_share"]
    assert found.refused["max_quarantined_share"].startswith("LG432 ")
    drills = {name: outcome(name) for name in shipped().threats["LT03"].drills}
    signed.record("judge", said(signed, *drills.values()))
    assert threat("LT03", facts_of(signed)).status == "BROKEN"


def test_what_files_say_is_no_fact(signed: SignedProject) -> None:
    """A policy that nobody signed, a drill that only a file tells of, a catalogue in the project: nothing changes."""
    before = facts_of(signed)
    (signed.root / "policy.toml").write_text('version = 9\n[environment.dev]\nseparation = "enforce"\n')
    (signed.root / "threats.toml").write_text('[LT14]\nstatus = "HELD"\n')
    (signed.home / "state" / "drills").mkdir(parents=True)
    (signed.home / "state" / "drills" / "drill.json").write_text('{"drills": [{"id": "no-key", "stopped": true}]}')
    after = facts_of(signed)
    assert replace(after, asked=before.asked, proofs={}) == replace(before, proofs={})


def test_a_root_that_is_not_pinned(signed: SignedProject) -> None:
    """Without a pin nothing is computed; with a root for this once it is, and LT17 is BROKEN."""
    project_id = signed.created.project_id
    here = Project(signed.root, now=signed.clock, seen_folder=signed.home / "state" / "seen")
    assert look(here, ("LT17",), environment="dev", program=PROGRAM).stands[0].status == "UNPROVEN"
    pin.unpin(project_id)
    try:
        with pytest.raises(Refused) as caught:
            look(here, (), environment="dev", program=PROGRAM)
        assert caught.value.finding == "LG825"
        page = look(here, ("LT17",), environment="dev", program=PROGRAM, root=project_id)
    finally:
        pin.pin(project_id, signed.root, signed.clock())
    assert (page.stands[0].status, "not pinned" in page.stands[0].why) == ("BROKEN", True)
    assert page.stands[0].next == f"lockgate trust pin {project_id}"
    assert page.as_json()["pinned"] is False


def test_the_page(signed: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table as JSON, as a view for exports, and one threat whole; ids in any letters, unknown ones refused."""
    signed.candidate()
    register_here(signed, monkeypatch)
    signed.record("judge", said(signed, outcome("edited-log", stopped=False), outcome("truncated-log", "part")))
    here = Project(signed.root, now=signed.clock, seen_folder=signed.home / "state" / "seen")
    page = look(here, (), environment="dev", program=PROGRAM)
    value = page.as_json()
    assert sum(value["counts"].values()) == len(value["threats"]) == len(shipped().threats)
    row = next(one for one in value["threats"] if one["id"] == "LT18")
    assert (row["status"], row["next"]) == ("BROKEN", "lockgate drill edited-log")
    assert {one["id"]: one["stopped"] for one in row["drills"]} == {"edited-log": False, "truncated-log": "part"}
    assert row["drills"][0]["log_index"] == signed.ledger.checkpoint.size - 1
    assert [one.threat.id for one in page.broken] == ["LT18"]
    view = page.exported()
    assert {one.id: one.status for one in view.threats} == {one["id"]: one["status"] for one in value["threats"]}
    assert view.threats[17].drills[0].stopped is False
    one = look(here, ("lt18", "LT18"), environment="dev", program=PROGRAM)
    assert len(one.stands) == 1
    text = one.whole(one.stands[0])
    for words in ("edited-log", "log entry", "refuses or warns with", "what stays:", "boundary"):
        assert words in text
    unused = look(here, ("LT21",), environment="dev", program=PROGRAM)
    assert "· LT21 NOT USED strangers use the model  (nothing was served yet: lockgate serve --env dev)" in [
        line for _, line in page.lines()
    ]
    assert (unused.following, unused.as_json()["threats"][0]["status"]) == (("lockgate serve --env dev",), "OUT")
    assert "· 3 OUT" in page.total()
    missing = look(here, ("LT22",), environment="dev", program=PROGRAM)
    assert missing.total() == "1 NOT USED"
    with pytest.raises(Usage, match="LT81"):
        look(here, ("LT81",), environment="dev", program=PROGRAM)
    with pytest.raises(Usage) as caught:
        look(here, (), environment="nowhere", program=PROGRAM)
    assert caught.value.finding == "LG843"


@pytest.mark.parametrize(
    ("changes", "only", "following"),
    [
        ({}, (), "lockgate status"),
        ({"levers": without(held().levers, "ladder", under("")["ladder"])}, ("LT05",), "lockgate policy show"),
        ({"levers": without(held().levers, "ladder", under("")["ladder"])}, (), "lockgate policy show"),
        ({"alone": ("mara",)}, ("LT14",), "lockgate trust add-key --role approver --person NAME --key FILE"),
        ({"drills": {}}, (), "lockgate drill"),
        ({"drills": {}}, ("LT11",), "lockgate drill --threat LT11"),
        ({"drills": {name: replace(of(name), environment="dev") for name in DRILLS}}, (), "lockgate drill --env prod"),
        ({"drills": {name: replace(of(name), environment="dev") for name in DRILLS}}, ("LT11",), _LT11),
    ],
)
def test_what_to_run_next(changes: dict[str, Any], only: tuple[str, ...], following: str) -> None:
    """One command that can be typed as it stands, and that helps what was asked about."""
    facts = held(**changes)
    page = ThreatsPage("p", "0" * 64, "0.1", facts, judge(shipped(), facts, only), shipped())
    assert page.following == (following,)


def test_status_tells_of_drills(signed: SignedProject) -> None:
    """Nothing before the first; a failure by name; after a month that they are old."""
    assert drill_line(signed.ledger.statements(), signed.clock()) == ""
    signed.record("judge", said(signed, outcome("edited-log"), outcome("truncated-log")))
    assert drill_line(signed.ledger.statements(), signed.clock()) == ""
    old = drill_line(signed.ledger.statements(), signed.clock() + timedelta(days=31))
    assert old == "2 of 2 drills were played more than 30 days ago   lockgate drill"
    signed.record("judge", said(signed, outcome("edited-log", stopped=False)))
    assert drill_line(signed.ledger.statements(), signed.clock()) == "not stopped: edited-log   lockgate threats"


def _roles(**persons: str) -> Roles:
    """Roles in the hands of these persons: `deployer="otto mara"`."""
    keys: dict[str, KeyEntry] = {}
    for role, names in persons.items():
        for name in names.split():
            entry = KeyEntry(role, name, generate(role).public)
            keys[entry.keyid] = entry
    return Roles(1, "0" * 64, {}, keys, NOW)


@pytest.mark.parametrize(
    ("persons", "rules", "alone"),
    [
        ({"deployer": "mara", "approver": "mara"}, "approvals = 1", ("mara",)),
        ({"deployer": "otto", "approver": "mara"}, "approvals = 1", ()),
        ({"deployer": "otto", "approver": "mara"}, "approvals = 0", ("otto",)),
        ({"deployer": "otto", "approver": "mara"}, '[environment.prod.levels]\napprovals = "warn"', ("otto",)),
        ({"deployer": "mara", "approver": "mara ada"}, "approvals = 2", ()),
        ({"deployer": "otto", "approver": "mara", "policy": "otto"}, "approvals = 2", ("otto",)),
        ({"deployer": "mara", "approver": "MARA"}, "approvals = 1", ("mara",)),
        ({"deployer": "mara", "approver": "mara", "trainer": "mara"}, 'separation = "enforce"', ()),
        ({"deployer": "mara", "approver": "mara", "trainer": "ci"}, 'separation = "enforce"', ("mara",)),
        ({"deployer": "mara otto", "approver": "mara otto"}, "approvals = 1", ("mara", "otto")),
    ],
)
def test_who_can_put_a_model_live_alone(persons: dict[str, str], rules: str, alone: tuple[str, ...]) -> None:
    """Who deploys and whose own approval is enough; who signs a policy that asks for nobody; nobody else."""
    policy = Policy.from_text(f"version = 1\n[environment.prod]\n{rules}").environment("prod")
    assert _alone(_roles(**persons), policy) == alone


def test_whose_rules_say_something_of_others() -> None:
    """By the policy that `init` writes: what prod stopped, dev stops as well, and not the other way."""
    default = Policy.from_text(default_policy())
    assert _as_strict(default, "dev") == {"prod"}
    assert _as_strict(default, "prod") == frozenset()
    more = Policy.from_text(f'{default_policy()}\n[environment.staging]\nmin_jail_level = 2\nseparation = "enforce"\n')
    assert _as_strict(more, "prod") == frozenset()
    assert _as_strict(more, "dev") == {"prod"}
    assert _as_strict(more, "nowhere") == frozenset()
    warning = Policy.from_text(f'{default_policy()}\n[environment.trial]\nenforce = "warn"\napprovals = 0\n')
    assert _as_strict(warning, "dev") == {"prod"}


def test_thresholds_count() -> None:
    """Where two must sign a deployment, nobody is alone."""
    policy = Policy.from_text("version = 1\n[environment.prod]\napprovals = 0").environment("prod")
    roles = _roles(deployer="mara otto")
    assert _alone(roles, policy) == ("mara", "otto")
    assert _alone(replace(roles, thresholds={"deployer": 2}), policy) == ()


def test_which_risks_can_be_taken() -> None:
    """One that Lockgate claims to hold; not what is out of scope, not what nobody knows."""
    check_can_be_accepted("LT14")
    for id_, finding in (("LT28", "LG516"), ("LT99", "LG9011")):
        with pytest.raises(LockgateError) as caught:
            check_can_be_accepted(id_)
        assert caught.value.finding == finding
    assert check_ids(("lt14", "LT14", "LT01")) == ("LT14", "LT01")
