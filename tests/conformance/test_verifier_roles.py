"""Roles files and thresholds: what the verifier of one file and the product make of the same signed words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from lockgate.core.digest import Digest
from lockgate.core.encoding import decode, encode
from lockgate.core.statement import APPROVAL, Statement, Subject, claim_uri
from lockgate.errors import LockgateError
from lockgate.trust import signer as signers
from lockgate.trust.keyring import Keyring, create_keys
from lockgate.trust.roles import KeyEntry, Roles
from lockgate.trust.signer import Signer
from lockgate.trust.verifier import verify, verify_roles
from tests.support.evidence_archive import revocation
from tests.support.project import START, at_home
from tests.support.thief import signed
from tests.support.verifier import verifier

V = verifier()


@dataclass(frozen=True)
class Court:
    """A first roles file, and a second one in which ada is another root and jo and kim are revokers of prod."""

    project: str
    first: bytes
    before: Roles
    roles: Roles
    keys: Mapping[str, Signer]

    def both(self, statement: Statement, *by: str) -> tuple[str, str]:
        """The next roles file, signed by these: why the product refuses it, and why the one file does."""
        envelope = signed(statement, *(self.keys[one] for one in by))
        theirs = _why(lambda: verify_roles(envelope, self.roles, root=self.project))
        return theirs, _why(lambda: V.roles_after(self.chain(), V.read_envelope(envelope), self.project))

    def said(self, statement: Statement, *by: str, roles: Roles | None = None) -> tuple[str, str]:
        """Another statement under the second roles file, or `roles`."""
        under = roles or self.roles
        envelope = signed(statement, *(self.keys[one] for one in by))
        read = V.read_roles(V.read_statement(under.statement().payload()), self.project)
        ours = _why(lambda: V.check_statement(V.read_envelope(envelope), read, self.project))
        return _why(lambda: verify(envelope, under)), ours

    def chain(self) -> Any:
        """The second roles file as the one file reads it."""
        return V.read_roles(V.read_statement(self.roles.statement().payload()), self.project)

    def third(self, **changes: Any) -> Statement:
        """The next roles file."""
        return replace(self.roles, version=3, **changes).statement()


def _why(act: Callable[[], object]) -> str:
    try:
        act()
    except LockgateError as error:
        return error.finding
    except (V.Fault, ValueError) as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    """The second roles file is signed by the first root and by ada's, and asks for two revokers."""
    with pytest.MonkeyPatch.context() as patch:
        at_home(tmp_path_factory.mktemp("court"), patch)
        made = create_keys("mara", START)
        ring = Keyring.open(made.project_id)
        keys = {"root": ring.signer("root"), "revoker": ring.signer("revoker"), "approver": ring.signer("approver")}
        for name, role in {"ada": "root", "jo": "revoker", "kim": "revoker", "jo2": "revoker", "eve": "root"}.items():
            keys[name] = signers.generate(role).within(made.project_id)
        before = made.roles
        roots = {**before.root_keys, keys["ada"].keyid: KeyEntry("root", "ada", keys["ada"].public)}
        listed = dict(before.keys)
        for name, person in {"jo": "jo", "kim": "kim", "jo2": "JO"}.items():
            listed[keys[name].keyid] = KeyEntry("revoker", person, keys[name].public)
        roles = replace(
            before,
            version=2,
            root_keys=dict(sorted(roots.items())),
            keys=dict(sorted(listed.items())),
            thresholds={"revoker": 2},
        )
        yield Court(made.project_id, made.envelope, before, roles, keys)


def test_the_first_and_the_next_roles_file_are_taken(court: Court) -> None:
    """The positive controls: version 1 by the root that is given; version 2 and 3 by a root before and after."""
    first = V.read_envelope(court.first)
    assert V.roles_after(None, first, court.project)[0].version == 1
    envelope = signed(court.roles.statement(), court.keys["root"])
    before = V.roles_after(None, first, court.project)[0]
    assert V.roles_after(before, V.read_envelope(envelope), court.project)[0].version == 2
    assert court.both(court.third(), "root") == ("", "")
    assert court.both(court.third(thresholds={"root": 2}), "root", "ada") == ("", "")


def _without(court: Court, name: str) -> Statement:
    keys = {keyid: one for keyid, one in court.roles.keys.items() if keyid != court.keys[name].keyid}
    return court.third(keys=keys)


def _moved(court: Court, **changes: Any) -> Statement:
    keyid = court.keys["kim"].keyid
    return court.third(keys={**court.roles.keys, keyid: replace(court.roles.keys[keyid], **changes)})


def _edited(court: Court, change: Callable[[dict[str, Any]], object]) -> Statement:
    statement = court.third()
    predicate = decode(encode(statement.predicate))
    change(predicate)
    return replace(statement, predicate=predicate)


def _with_eve(court: Court) -> Statement:
    eve = KeyEntry("root", "eve", court.keys["eve"].public)
    return court.third(root_keys=dict(sorted({**court.roles.root_keys, eve.keyid: eve}.items())))


NEXT: Mapping[str, tuple[Callable[[Court], Statement], tuple[str, ...]]] = {
    "by nobody's root": (Court.third, ("eve",)),
    "by a role": (Court.third, ("revoker",)),
    "by the root that it brings": (_with_eve, ("eve",)),
    "a version left out": (lambda c: replace(c.roles, version=4).statement(), ("root",)),
    "a version again": (lambda c: c.roles.statement(), ("root",)),
    "two persons of root, one signed": (lambda c: c.third(thresholds={"root": 2}), ("root",)),
    "more persons than there are": (lambda c: c.third(thresholds={"root": 3}), ("root", "ada")),
    "a threshold of a role that nobody holds so": (lambda c: c.third(thresholds={"judge": 2}), ("root",)),
    "a threshold of no role": (lambda c: c.third(thresholds={"king": 1}), ("root",)),
    "a threshold of nothing": (lambda c: c.third(thresholds={"judge": 0}), ("root",)),
    "two sealers asked for": (lambda c: c.third(thresholds={"sealer": 2}), ("root",)),
    "no sealer": (lambda c: c.third(revoked={c.roles.keys_of("sealer")[0].keyid: "lost"}), ("root",)),
    "no root left": (lambda c: c.third(revoked=dict.fromkeys(sorted(c.roles.root_keys), "lost")), ("root", "ada")),
    "a key dropped": (lambda c: _without(c, "jo"), ("root",)),
    "a key given to another": (lambda c: _moved(c, person="eve"), ("root",)),
    "a key given another role": (lambda c: _moved(c, role="approver"), ("root",)),
    "another project": (lambda c: c.third(project_id="ab" * 32), ("root",)),
    "another subject": (
        lambda c: replace(c.third(), subjects=revocation("sha256:" + "ab" * 32).subjects),
        ("root",),
    ),
    "a field more": (lambda c: _edited(c, lambda said: said.update(more=1)), ("root",)),
    "a field less": (lambda c: _edited(c, lambda said: said.pop("expires")), ("root",)),
    "a version that is a text": (lambda c: _edited(c, lambda said: said.update(version="3")), ("root",)),
    "keys out of order": (lambda c: _edited(c, lambda said: said["keys"].reverse()), ("root",)),
    "a key twice": (lambda c: _edited(c, lambda said: said["keys"].append(said["keys"][-1])), ("root",)),
    "a key that is a root too": (lambda c: _edited(c, lambda said: said["root"].append(said["keys"][0])), ("root",)),
    "a keyid of another key": (lambda c: _edited(c, lambda said: said["keys"][0].update(keyid="0" * 64)), ("root",)),
    "a role that is none": (lambda c: _edited(c, lambda said: said["keys"][0].update(role="king")), ("root",)),
    "a person without name": (lambda c: _edited(c, lambda said: said["keys"][0].update(person="")), ("root",)),
    "environments in no order": (
        lambda c: _edited(c, lambda said: said["keys"][0].update(environments=["prod", "dev"])),
        ("root",),
    ),
    "a key in another spelling": (
        lambda c: _edited(c, lambda said: said["keys"][0].update(publicKey=said["keys"][0]["publicKey"] + "\n")),
        ("root",),
    ),
    "no roots": (lambda c: _edited(c, lambda said: said.update(root=[])), ("root",)),
    "revoked without reason": (lambda c: _edited(c, lambda said: said.update(revoked={"0" * 64: ""})), ("root",)),
    "expiry in no form": (lambda c: _edited(c, lambda said: said.update(expires="never")), ("root",)),
    "time in no form": (lambda c: _edited(c, lambda said: said.update(time="now")), ("root",)),
    "another claim": (lambda c: _edited(c, lambda said: said.update(claim="urn:lockgate:claim:policy:v1")), ("root",)),
}


@pytest.mark.parametrize("name", NEXT)
def test_a_roles_file_that_may_not_follow(name: str, court: Court) -> None:
    """Both refuse it."""
    make, by = NEXT[name]
    theirs, ours = court.both(make(court), *by)
    assert (theirs != "", ours != "") == (True, True)


def test_a_first_roles_file_of_another_root_is_refused(court: Court) -> None:
    """Signed by a root that it brings along, and that is not the one given."""
    other = replace(
        court.before, root_keys={court.keys["eve"].keyid: KeyEntry("root", "eve", court.keys["eve"].public)}
    )
    envelope = signed(other.statement(), court.keys["eve"])
    assert _why(lambda: verify_roles(envelope, None, root=court.project)) != ""
    assert _why(lambda: V.roles_after(None, V.read_envelope(envelope), court.project)) != ""


def test_a_revoked_key_never_comes_back(court: Court) -> None:
    """Taken away in one version, it may not be valid in the next."""
    gone = replace(court.roles, revoked={court.keys["kim"].keyid: "left"}, thresholds={})
    back = replace(court.roles, version=3, thresholds={})
    envelope = signed(back.statement(), court.keys["root"])
    assert _why(lambda: verify_roles(envelope, gone, root=court.project)) == "LG861"
    read = V.read_roles(V.read_statement(gone.statement().payload()), court.project)
    assert "brings a key back" in _why(lambda: V.roles_after(read, V.read_envelope(envelope), court.project))


TARGET = "sha256:" + "ee" * 32


@pytest.mark.parametrize(
    ("by", "good"),
    [
        (("jo", "kim"), True),
        (("jo",), False),
        (("jo", "jo2"), False),
        (("jo", "kim", "approver"), False),
        (("jo", "kim", "eve"), False),
        (("approver",), False),
        (("root",), False),
    ],
)
def test_persons_are_counted_and_roles_are_kept(by: tuple[str, ...], good: bool, court: Court) -> None:
    """Two different revokers: not one, not one under two spellings, and nobody else beside them."""
    theirs, ours = court.said(revocation(TARGET), *by)
    assert (theirs == "", ours == "") == (good, good)


def test_a_revoked_key_says_nothing(court: Court) -> None:
    """Under a roles file that has taken it back; under the one before it still does."""
    gone = replace(court.roles, revoked={court.keys["kim"].keyid: "left"}, thresholds={})
    assert court.said(revocation(TARGET), "jo", "kim") == ("", "")
    theirs, ours = court.said(revocation(TARGET), "kim", roles=gone)
    assert (theirs, ours != "") == ("LG814", True)


def test_a_key_says_nothing_outside_its_environments(court: Court) -> None:
    """An approver of dev and prod, and one of dev alone."""
    predicate = {"claim": claim_uri("approve"), "environment": "prod", "manifest": TARGET}
    said = Statement((Subject("flights@1", Digest(TARGET)),), APPROVAL, predicate)
    keyid = court.keys["approver"].keyid
    here = {**court.roles.keys, keyid: replace(court.roles.keys[keyid], environments=("dev",))}
    assert court.said(said, "approver") == ("", "")
    theirs, ours = court.said(said, "approver", roles=replace(court.roles, keys=here))
    assert (theirs, ours != "") == ("LG819", True)
