"""trust.succession: what may follow a roles file, and what it changes in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lockgate.errors import LockgateError
from lockgate.trust import signer as signers
from lockgate.trust import succession
from lockgate.trust.authority import ROLES
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.signer import Signer
from lockgate.trust.verifier import verify_roles

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def keys() -> dict[str, Signer]:
    """A key of each role, for mara; and a second root's and a second approver's."""
    return {role: signers.generate(role.partition("-")[0]) for role in ("root", *ROLES, "root-2", "approver-2")}


@pytest.fixture(scope="module")
def first(keys: dict[str, Signer]) -> Roles:
    """Version 1: mara holds everything."""
    entries = {keys[role].keyid: KeyEntry(role, "mara", keys[role].public) for role in ROLES}
    root = keys["root"]
    return Roles(1, root.keyid, {root.keyid: KeyEntry("root", "mara", root.public)}, entries, NOW)


def refused(finding: str, act: Callable[[], object]) -> str:
    """The message of the refusal of `act`, which must be `finding`."""
    with pytest.raises(LockgateError) as raised:
        act()
    assert raised.value.finding == finding
    return raised.value.message


def second_root(keys: dict[str, Signer], person: str) -> KeyEntry:
    """Another root key."""
    return KeyEntry("root", person, keys["root-2"].public)


def test_a_change_is_told_in_words(keys: dict[str, Signer], first: Roles) -> None:
    """Who gains what and where, who loses what and why, which rules are others; nothing else."""
    eve, may = keys["approver-2"], "may sign approve, waive, acknowledge in prod, and mark"
    gained = succession.with_key(first, KeyEntry("approver", "eve", eve.public, ("prod",)), NOW)
    assert [str(one) for one in succession.changes(first, gained)] == [
        f"eve (key {eve.keyid[:12]}) gains approver: {may}"
    ]
    lost = succession.without_key(gained, eve.keyid[:12], "left the team", NOW)
    assert [(one.kind, one.text) for one in succession.changes(gained, lost)] == [
        ("loses", f"eve (key {eve.keyid[:12]}) loses approver: {may}: left the team")
    ]
    stricter = succession.with_threshold(gained, "approver", 2, NOW)
    assert [str(one) for one in succession.changes(gained, stricter)] == [
        "as approver 2 different person(s) must sign (so far 1)"
    ]
    until = succession.expiring(first, NOW + timedelta(days=1), NOW)
    assert [str(one) for one in succession.changes(first, until)] == [
        "the roles file expires 2026-11-27T09:00:00Z (so far never)"
    ]
    narrower = replace(gained, keys={**gained.keys, eve.keyid: KeyEntry("approver", "eve", eve.public, ("dev",))})
    assert [str(one) for one in succession.changes(gained, narrower)] == [
        f"eve (key {eve.keyid[:12]}) as approver: counts in dev (so far in prod)"
    ]
    assert succession.changes(first, replace(first, version=2)) == ()


def test_each_change_is_the_next_version(keys: dict[str, Signer], first: Roles) -> None:
    """Version exactly one more, the project id the same, whatever is changed; also when the root's key is another."""
    rotated = succession.rotated(first, keys["root"].keyid, second_root(keys, "mara"), "moved", NOW)
    assert (rotated.version, rotated.project_id) == (2, first.project_id)
    assert list(rotated.root_keys_valid()) == [keys["root-2"].keyid]
    both = keys["root-2"].cosign(keys["root"].sign(rotated.statement()))
    assert verify_roles(both, first).keyids == tuple(sorted((keys["root"].keyid, keys["root-2"].keyid)))


@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("already", lambda roles, keys: succession.with_key(roles, roles.keys[keys["judge"].keyid], NOW)),
        ("wrong kind", lambda r, k: succession.with_key(r, KeyEntry("sealer", "eve", k["root-2"].public), NOW)),
        ("names 0 keys", lambda roles, keys: succession.without_key(roles, "0" * 64, "x", NOW)),
        ("at least 8", lambda roles, keys: succession.without_key(roles, keys["judge"].keyid[:7], "x", NOW)),
        ("for a reason", lambda roles, keys: succession.without_key(roles, keys["judge"].keyid, " ", NOW)),
        ("more than hold", lambda roles, keys: succession.with_threshold(roles, "approver", 2, NOW)),
        ("cannot wait", lambda roles, keys: succession.with_threshold(roles, "trainer", 2, NOW)),
        ("is past", lambda roles, keys: succession.expiring(roles, NOW, NOW)),
        ("named person", lambda r, k: succession.with_key(r, KeyEntry("judge", "", k["root-2"].public), NOW)),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_what_nobody_could_read_is_not_made(
    keys: dict[str, Signer], first: Roles, why: str, change: Callable[[Roles, dict[str, Signer]], Roles]
) -> None:
    """LG862, and the reason; before anything is signed."""
    assert why in refused("LG862", lambda: change(first, keys))


def test_a_revoked_key_is_revoked_once(keys: dict[str, Signer], first: Roles) -> None:
    """Revoking it again would hide the first reason."""
    once = succession.without_key(first, keys["judge"].keyid, "stolen", NOW)
    assert "stolen" in refused("LG862", lambda: succession.without_key(once, keys["judge"].keyid, "moved", NOW))


def test_nobody_is_locked_out(keys: dict[str, Signer], first: Roles) -> None:
    """No version without a sealer or with two, and none that too few root holders could follow: LG860."""
    succession.check_usable(first)
    gone = succession.without_key(first, keys["sealer"].keyid, "stolen", NOW)
    assert "0 valid keys" in refused("LG860", lambda: succession.check_usable(gone))
    two = signers.generate("sealer")
    more = succession.with_key(first, KeyEntry("sealer", "eve", two.public), NOW)
    assert "2 valid keys" in refused("LG860", lambda: succession.check_usable(more))
    rootless = succession.without_key(first, keys["root"].keyid, "stolen", NOW)
    assert "0 could" in refused("LG860", lambda: succession.check_usable(rootless))
    several = replace(first, thresholds={"sealer": 2})
    assert "several sealers" in refused("LG860", lambda: succession.check_usable(several))


def test_the_verifier_asks_all_of_it(keys: dict[str, Signer], first: Roles) -> None:
    """A root that signs what locks everybody out is not believed either: LG860; nor what brings a key back: LG861."""
    root = keys["root"]
    good = succession.without_key(first, keys["judge"].keyid, "stolen", NOW)
    assert verify_roles(root.sign(good.statement()), first).persons == ("mara",)
    gone = succession.without_key(first, keys["sealer"].keyid, "stolen", NOW)
    refused("LG860", lambda: verify_roles(root.sign(gone.statement()), first))
    back = replace(good, version=3, revoked={})
    refused("LG861", lambda: verify_roles(root.sign(back.statement()), good))


@pytest.mark.parametrize("change", [{"person": "eve"}, {"role": "approver"}], ids=str)
def test_a_key_stays_whose_it_was(keys: dict[str, Signer], first: Roles, change: dict[str, str]) -> None:
    """A key that becomes another person's would make one person two; one that changes its role, a judge an approver."""
    keyid = keys["judge"].keyid
    moved = replace(first, version=2, keys={**first.keys, keyid: replace(first.keys[keyid], **change)})  # type: ignore[arg-type]
    assert "another person" in refused("LG861", lambda: succession.check_follows(first, moved))
    succession.check_follows(first, replace(first, version=2))


@pytest.mark.parametrize("role", ["approver", "root-2"])
def test_a_key_is_revoked_never_dropped(keys: dict[str, Signer], first: Roles, role: str) -> None:
    """What a dropped key said would go on counting, and the key could be given to another person in a later version."""
    listed = succession.with_key(first, second_root(keys, "eve"), NOW)
    keyid = keys[role].keyid
    gone = replace(
        listed,
        version=3,
        keys={one: entry for one, entry in listed.keys.items() if one != keyid},
        root_keys={one: entry for one, entry in listed.root_keys.items() if one != keyid},
    )
    assert "drops a key" in refused("LG861", lambda: succession.check_follows(listed, gone))
    succession.check_follows(listed, replace(gone, revoked={keyid: "left"}))


def test_a_new_root_proves_that_it_is_held(keys: dict[str, Signer], first: Roles) -> None:
    """The old root's signature alone does not put a new root in force (LG820), nor the new one's alone (LG823)."""
    old, new = keys["root"], keys["root-2"]
    rotated = succession.rotated(first, old.keyid, second_root(keys, "mara"), "moved", NOW)
    refused("LG820", lambda: verify_roles(old.sign(rotated.statement()), first))
    refused("LG823", lambda: verify_roles(new.sign(rotated.statement()), first))
    assert verify_roles(new.sign(rotated.statement()), first, complete=False).keyid == new.keyid


def test_a_root_threshold_counts_persons_who_hold_valid_keys(keys: dict[str, Signer], first: Roles) -> None:
    """One person with two root keys is one; a revoked root key makes nobody a holder; two persons must both sign."""
    one_person = succession.with_key(first, second_root(keys, "mara"), NOW)
    refused("LG862", lambda: succession.with_threshold(one_person, "root", 2, NOW))
    two = succession.with_key(first, second_root(keys, "jo"), NOW)
    strict = succession.with_threshold(two, "root", 2, NOW)
    refused("LG820", lambda: verify_roles(keys["root"].sign(strict.statement()), two))
    both = keys["root-2"].cosign(keys["root"].sign(strict.statement()))
    assert set(verify_roles(both, two).persons) == {"mara", "jo"}
    refused("LG862", lambda: succession.without_key(strict, keys["root-2"].keyid, "left", NOW))
