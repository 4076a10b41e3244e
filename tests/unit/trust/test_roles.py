"""trust.roles: the roles file in one accepted form; persons counted, not keys."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockgate.errors import Refused, VerificationFailed
from lockgate.trust import signer as signers
from lockgate.trust.authority import ROLES
from lockgate.trust.roles import KeyEntry, Roles


def test_round_trip(project: Any) -> None:
    """What is written is read back to the same value."""
    roles = project.created.roles
    assert Roles.from_predicate(roles.statement().predicate) == roles
    assert roles.persons == ("mara",)
    assert roles.key_for("judge").keyid == project.keyring.public("judge").keyid
    assert roles.sealer_key() == project.keyring.public("sealer").raw


def swap_keys(predicate: dict[str, Any]) -> None:
    """Two entries in the other order."""
    predicate["keys"][0], predicate["keys"][1] = predicate["keys"][1], predicate["keys"][0]


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.pop("expires"),
        lambda p: p.update(note="x"),
        lambda p: p.update(version=0),
        lambda p: p.update(version=True),
        lambda p: p.update(version="1"),
        lambda p: p.update(project="x"),
        lambda p: p.update(time="yesterday"),
        lambda p: p.update(claim="urn:lockgate:claim:policy:v1"),
        lambda p: p.update(root=[]),
        lambda p: p.update(root=p["keys"]),
        lambda p: p.update(keys={}),
        lambda p: p["keys"].append(p["keys"][0]),
        swap_keys,
        lambda p: p["keys"][0].pop("person"),
        lambda p: p["keys"][0].update(note="x"),
        lambda p: p["keys"][0].update(role="root"),
        lambda p: p["keys"][0].update(role="king"),
        lambda p: p["keys"][0].update(person=""),
        lambda p: p["keys"][0].update(person="a\nb"),
        lambda p: p["keys"][0].update(person=7),
        lambda p: p["keys"][0].update(keyid=p["keys"][1]["keyid"]),
        lambda p: p["keys"][0].update(publicKey=p["keys"][1]["publicKey"]),
        lambda p: p["keys"][0].update(publicKey=p["keys"][0]["publicKey"] + "\n"),
        lambda p: p["keys"][0].update(environments=[]),
        lambda p: p["keys"][0].update(environments=["prod", "dev"]),
        lambda p: p["keys"][0].update(environments=["*", "dev"]),
        lambda p: p["keys"][0].update(environments=["Dev"]),
        lambda p: p["keys"][0].update(environments=None),
        lambda p: p.update(thresholds={"judge": 0}),
        lambda p: p.update(thresholds={"judge": True}),
        lambda p: p.update(thresholds={"king": 1}),
        lambda p: p.update(thresholds={"approver": 2}),
        lambda p: p.update(thresholds={"root": 2}),
        lambda p: p.update(thresholds=[]),
        lambda p: p.update(revoked={"x": "lost"}),
        lambda p: p.update(revoked={"a" * 64: ""}),
        lambda p: p.update(expires="never"),
    ],
)
def test_every_other_form_is_refused(project: Any, change: Callable[[dict[str, Any]], object]) -> None:
    """One deviation each: LG821, never a traceback."""
    predicate = copy.deepcopy(dict(project.created.roles.statement().predicate))
    Roles.from_predicate(predicate)
    change(predicate)
    with pytest.raises(VerificationFailed) as caught:
        Roles.from_predicate(predicate)
    assert caught.value.finding == "LG821"


def test_a_key_has_one_role_and_the_right_kind(project: Any) -> None:
    """A sealer with an ECDSA key, and a judge with an Ed25519 key, are refused."""
    roles = project.created.roles
    for role, generated_as in (("sealer", "judge"), ("judge", "sealer")):
        key = signers.generate(generated_as).public
        wrong = replace(roles, keys={**roles.keys, key.keyid: KeyEntry(role, "mara", key)})
        with pytest.raises(VerificationFailed) as caught:
            Roles.from_predicate(wrong.statement().predicate)
        assert "wrong kind" in caught.value.message


def test_a_root_key_has_no_other_role(project: Any) -> None:
    """The key that says who may judge does not judge."""
    roles = project.created.roles
    root = next(iter(roles.root_keys.values())).key
    wrong = replace(roles, keys=dict(sorted({**roles.keys, root.keyid: KeyEntry("judge", "mara", root)}.items())))
    with pytest.raises(VerificationFailed) as caught:
        Roles.from_predicate(wrong.statement().predicate)
    assert "no other role" in caught.value.message


def test_a_keyid_is_computed_not_believed(project: Any) -> None:
    """A key under another key's name is named as that flaw."""
    predicate = copy.deepcopy(dict(project.created.roles.statement().predicate))
    predicate["keys"][0]["keyid"] = "0" * 64
    with pytest.raises(VerificationFailed) as caught:
        Roles.from_predicate(predicate)
    assert "not the fingerprint" in caught.value.message


def test_separation_in_words(project: Any) -> None:
    """It says how many persons, and who holds how much."""
    roles = project.created.roles
    assert roles.separation() == "none, one person holds 11 of 11 roles"
    by_role = {entry.role: entry for entry in roles.keys.values()}
    two = {e.keyid: replace(e, person="jo" if e.role == "approver" else "mara") for e in by_role.values()}
    assert replace(roles, keys=two).separation() == "partial, 2 persons hold 11 of 11 roles (mara 10, jo 1)"
    all_apart = {e.keyid: replace(e, person=f"p{ROLES.index(e.role):02}") for e in by_role.values()}
    assert replace(roles, keys=all_apart).separation().startswith("full, 11 persons hold 11 of 11 roles")
    revoked = replace(roles, keys=two, revoked={by_role["approver"].keyid: "lost"})
    assert revoked.separation() == "none, one person holds 10 of 11 roles"


def test_key_for_needs_exactly_one(project: Any) -> None:
    """None, or two, is no answer to "the key of this role"; a revoked one does not count."""
    roles = project.created.roles
    second = signers.generate("judge").public
    two = replace(roles, keys={**roles.keys, second.keyid: KeyEntry("judge", "jo", second)})
    for unclear in (two, replace(roles, revoked={roles.key_for("judge").keyid: "lost"})):
        with pytest.raises(VerificationFailed) as caught:
            unclear.key_for("judge")
        assert caught.value.finding == "LG813"
    replaced = replace(two, revoked={roles.key_for("judge").keyid: "lost"})
    assert replaced.key_for("judge").keyid == second.keyid


def test_expiry(project: Any) -> None:
    """Good until it expires, refused afterwards, and for ever good without an expiry."""
    roles = project.created.roles
    roles.check_fresh(roles.time + timedelta(days=9999))
    limited = replace(roles, expires=roles.time + timedelta(days=1))
    assert Roles.from_predicate(limited.statement().predicate) == limited
    limited.check_fresh(roles.time)
    with pytest.raises(Refused) as caught:
        limited.check_fresh(roles.time + timedelta(days=2))
    assert caught.value.finding == "LG824"
