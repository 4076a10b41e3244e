"""trust.persons: a person is counted once, however the name is spelled; a name that looks like another is not given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lockgate.errors import LockgateError
from lockgate.trust import persons, succession
from lockgate.trust import signer as signers
from lockgate.trust.authority import ROLES
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.signer import Signer
from lockgate.trust.verifier import verify, verify_roles

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)

GIVEN = [
    "mara",
    "Mara",
    "m\u00e1ra",
    "Mara O'Brien-Smith",
    "CI (release) #2",
    "ci@example.org",
    "\u041c\u0430\u0440\u0438\u044f \u0418\u0432\u0430\u043d\u043e\u0432\u0430",
    "\u0395\u03bb\u03ad\u03bd\u03b7",
    "\u674e\u660e",
    "\u5c71\u7530 \u30b5\u30af\u30e9",
    "\uae40\ubbfc\uc900",
    "\u092e\u0940\u0930\u093e",
    "Marcel\u00b7l\u00ed",
    "\u1eb9\u0301",
    "x" * 128,
]
"""Latin, with accents and without, services, Cyrillic, Greek, Han, Kana beside Han, Hangul, Devanagari, Yoruba."""

REFUSED = {
    "": "1 to 128",
    "x" * 129: "1 to 128",
    " ": "spaces",
    " mara": "spaces",
    "mara ": "spaces",
    "mara  jo": "spaces",
    "--": "neither",
    "ma\u0301ra": "NFC",
    "m\u0430ra": "several scripts: CYRILLIC, LATIN",
    "\u03bcara": "several scripts: GREEK, LATIN",
    "\u00b5ara": "several scripts: GREEK, LATIN",
    "mara\u200b": "U+200B",
    "mara\u200d": "U+200D",
    "\u202earam": "U+202E",
    "mara\u00a0": "U+00A0",
    "mara\u3000jo": "U+3000",
    "mara\x85": "U+0085",
    "mara\u2028x": "U+2028",
    "mara\x1b[2J": "U+001B",
    "mara\ufe0f": "U+FE0F",
    "mara\u034f": "U+034F",
    "mara\u3164": "U+3164",
    "mara\u2800": "U+2800",
    "mara\u0660": "U+0660",
    "mara\u2019s": "U+2019",
    "\u0301mara": "U+0301",
    "mara-\u0301": "U+0301",
    "mara\ud800": "U+D800",
    "mara\U0001f600": "U+1F600",
}
"""What looks like nothing, like another name, or like a space; and why it is refused."""


@pytest.mark.parametrize("name", GIVEN, ids=ascii)
def test_people_have_their_names(name: str) -> None:
    """The names of people in their own scripts, and of services, can be given."""
    assert persons.fault(name) == ""


@pytest.mark.parametrize(("name", "why"), REFUSED.items(), ids=ascii)
def test_a_name_that_hides_whose_it_is_is_not_given(name: str, why: str) -> None:
    """Each with the reason, and without the character itself."""
    fault = persons.fault(name)
    assert why in fault
    assert fault.isprintable()


@pytest.mark.parametrize(
    "spelling",
    ["Mara", "MARA", "mara ", " mara", "mara\u200b", "mara\ufe0f", "mara\u00a0", "mara\x85", "\uff4dara", "ma\u00adra"],
    ids=ascii,
)
def test_spellings_are_one_person(spelling: str) -> None:
    """Whatever differs in case, width, spaces at the ends or what is not drawn is one."""
    assert persons.distinct(["mara", spelling]) == {persons.fold("mara"): "mara"}


def test_composed_or_not_is_one_person() -> None:
    """The accent in one character or in two; without it, it is another person."""
    assert persons.fold("m\u00e1ra") == persons.fold("ma\u0301ra") != persons.fold("mara")
    assert len(persons.distinct(["mara", "m\u00e1ra", "jo", "jo"])) == 3


@pytest.fixture(scope="module")
def keys() -> dict[str, Signer]:
    """A key of each role, and two more."""
    return {role: signers.generate(role.partition("-")[0]) for role in ("root", *ROLES, "root-2", "approver-2")}


@pytest.fixture(scope="module")
def first(keys: dict[str, Signer]) -> Roles:
    """Version 1: mara holds everything."""
    entries = {keys[role].keyid: KeyEntry(role, "mara", keys[role].public) for role in ROLES}
    root = keys["root"]
    return Roles(1, root.keyid, {root.keyid: KeyEntry("root", "mara", root.public)}, entries, NOW)


def with_approver(roles: Roles, keys: dict[str, Signer], person: str) -> Roles:
    """The next version, in which `person` may approve; made without asking whether anybody is named so."""
    entry = KeyEntry("approver", person, keys["approver-2"].public)
    return replace(roles, version=roles.version + 1, keys=dict(sorted({**roles.keys, entry.keyid: entry}.items())))


def refused(finding: str, act: Callable[[], object]) -> str:
    """The message of the refusal of `act`, which must be `finding`."""
    with pytest.raises(LockgateError) as raised:
        act()
    assert raised.value.finding == finding
    return raised.value.message


@pytest.mark.parametrize("person", ["mara ", "Mara", "m\u0430ra", "mara\u200b"], ids=ascii)
def test_a_look_alike_gets_no_key(keys: dict[str, Signer], first: Roles, person: str) -> None:
    """Neither made (LG862), nor taken when the root signed it elsewhere (LG821); in a log it can be read."""
    entry = KeyEntry("approver", person, keys["approver-2"].public)
    message = refused("LG862", lambda: succession.with_key(first, entry, NOW))
    assert ascii(person) in message
    envelope = keys["root"].sign(with_approver(first, keys, person).statement())
    refused("LG821", lambda: verify_roles(envelope, first, new=True))
    refused("LG821", lambda: verify_roles(envelope, first, new=True, complete=False))
    assert verify_roles(envelope, first).persons == ("mara",)


def test_another_person_gets_one(keys: dict[str, Signer], first: Roles) -> None:
    """The positive control; and one more key for a person who is there, in the spelling that is there."""
    for person in ("jo", "mara", "m\u00e1ra"):
        envelope = keys["root"].sign(with_approver(first, keys, person).statement())
        assert verify_roles(envelope, first, new=True).persons == ("mara",)


def test_an_old_log_can_be_gone_on_from(keys: dict[str, Signer], first: Roles) -> None:
    """Names that stand there already are no new ones: the next version takes the look-alike's key away."""
    odd = with_approver(first, keys, "Mara ")
    succession.check_names(odd, succession.without_key(odd, keys["approver-2"].keyid, "who is that", NOW))
    succession.check_names(odd, succession.with_threshold(odd, "approver", 1, NOW))
    refused("LG821", lambda: succession.check_names(None, odd))


def test_two_spellings_do_not_meet_a_threshold(keys: dict[str, Signer], first: Roles, make_statement: Any) -> None:
    """Mara and mara hold two keys: no file can ask for two persons (LG821), and two signatures are one (LG820)."""
    twice = with_approver(first, keys, "Mara")
    assert twice.separation() == "none, one person holds 11 of 11 roles"
    assert twice.persons == (twice.keys[min(twice.keys)].person,)
    two = replace(twice, thresholds={"approver": 2})
    refused("LG821", lambda: Roles.from_predicate(two.statement().predicate))
    mara, other = (keys[role].within(first.project_id) for role in ("approver", "approver-2"))
    both = other.cosign(mara.sign(make_statement("approve")))
    refused("LG820", lambda: verify(both, two))
    apart = replace(with_approver(first, keys, "jo"), thresholds={"approver": 2})
    assert set(verify(both, apart).persons) == {"mara", "jo"}
    assert apart.signed_by("approver") == "one of 2 persons"
    assert twice.signed_by("approver") == "one of 1 persons"


def test_two_spellings_are_no_two_roots(keys: dict[str, Signer], first: Roles) -> None:
    """A root threshold of two, held by mara and Mara, can be met by nobody: LG860."""
    entry = KeyEntry("root", "Mara", keys["root-2"].public)
    two = replace(first, root_keys={**first.root_keys, entry.keyid: entry}, thresholds={"root": 2})
    assert "1 could" in refused("LG860", lambda: succession.check_usable(two))
    jo = replace(two, root_keys={**first.root_keys, entry.keyid: replace(entry, person="jo")})
    succession.check_usable(jo)


@pytest.mark.parametrize("person", ["mara ", "m\u0430ra"], ids=ascii)
def test_a_project_is_not_founded_by_a_look_alike(make_project: Callable[..., Any], person: str) -> None:
    """The first version of the roles file asks too: LG821, and no key is left behind."""
    refused("LG821", lambda: make_project(person))
    assert make_project("mara").created.roles.persons == ("mara",)
