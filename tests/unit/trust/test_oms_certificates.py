"""trust.oms_certificates: a name counts only in the word of a root that the verifier chose."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from lockgate.core.encoding import encode
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.trust.keys import import_public_key
from lockgate.trust.oms import SignedFiles
from lockgate.trust.oms_certificates import Authorities, printable
from lockgate.trust.oms_directory import sign_directory, verify_directory
from lockgate.trust.oms_identity import KINDS, bears, meant
from tests.support.certificates import CODE, MAIL, NOW, SERVER, Held, authority, leaf


@dataclass
class World:
    """A folder, the root that verifiers trust, and the authority below it that certifies."""

    folder: Path
    root: Held
    middle: Held

    def sign(self, signer: Held, *chain: Held, now: datetime = NOW) -> SignedFiles:
        """Sign the folder as `signer`."""
        place = self.folder.parent
        certificate = signer.write(place, "signer")
        others = tuple(one.write(place, f"chain{number}") for number, one in enumerate(chain))
        key = certificate.with_suffix(".key")
        return sign_directory(self.folder, key, certificate=certificate, chain=others, now=now)

    def verify(self, *roots: Held, at: datetime = NOW, identity: str = "") -> SignedFiles:
        """Verify the folder under `roots`, by default the one root."""
        pem = b"".join(root.pem for root in roots or (self.root,))
        return verify_directory(self.folder, Authorities.read(pem, at), identity=identity)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A model and two authorities."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"weights")
    root = authority("Example Root")
    return World(folder, root, authority("Example Models", root, purposes=(CODE,)))


def refused(finding: str, act: Callable[[], object], kind: type[LockgateError] = VerificationFailed) -> LockgateError:
    """Assert that `act` raises `kind` with `finding`; the error."""
    with pytest.raises(kind) as caught:
        act()
    assert caught.value.finding == finding
    return caught.value


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: str(curve.name))
def test_a_certified_signature_names_signer_and_authority(world: World, curve: ec.EllipticCurve) -> None:
    """Who signed, in whose word, until when: from the path that was built."""
    signer = leaf(world.middle, curve=curve)
    world.sign(signer, world.middle)
    said = world.verify().certified
    assert said is not None
    assert said.names == ("subject:CN=Ada Lovelace", f"email:{MAIL}")
    assert said.authority == "CN=Example Root"
    assert said.until == "2026-12-26T12:00:00Z"
    assert world.verify(identity=MAIL).keyid == said.key.keyid
    refused("LG851", lambda: world.verify(identity="eve@example.org"))


def test_an_authority_cannot_walk_around_its_constraint_by_another_kind_of_name(world: World) -> None:
    """Bound to mail below example.org, it writes Eve's address, and a subject, as other kinds: LG851.

    The same address as mail is refused with the path (LG836), and what the authority may say is believed.
    """
    bound = x509.NameConstraints([x509.RFC822Name("example.org")], None)
    middle = authority("Example Mail", world.root, only=bound)
    eve = "eve@evil.example"
    world.sign(leaf(middle, others=[x509.RFC822Name(eve)]), middle)
    refused("LG836", world.verify)
    world.sign(leaf(middle, "x", others=[x509.DNSName(eve), x509.UniformResourceIdentifier("CN=Ada Lovelace")]), middle)
    said = world.verify().certified
    assert said is not None
    assert said.names == ("subject:CN=x", f"dns:{eve}", "uri:CN=Ada Lovelace")
    for asked in (eve, f"email:{eve}", "CN=Ada Lovelace", "subject:CN=Ada Lovelace"):
        error = refused("LG851", lambda name=asked: world.verify(identity=name))  # type: ignore[misc]
        assert asked in str(error.seen["expected"])
    world.sign(leaf(middle), middle)
    world.verify(identity=MAIL)
    world.verify(identity=f"email:{MAIL}")
    world.verify(identity="CN=Ada Lovelace")


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("ada@example.org", "email:ada@example.org"),
        ("email:ada@example.org", "email:ada@example.org"),
        ("ci.example.org", "dns:ci.example.org"),
        ("*.example.org", "dns:*.example.org"),
        ("https://example.org/a@b?c=d", "uri:https://example.org/a@b?c=d"),
        ("spiffe://example.org/ci", "uri:spiffe://example.org/ci"),
        ("uri:dns:example.org", "uri:dns:example.org"),
        ("CN=Ada Lovelace,O=Example", "subject:CN=Ada Lovelace,O=Example"),
        ("CN=ada@example.org", "subject:CN=ada@example.org"),
        ("2.5.4.3=https://example.org", "subject:2.5.4.3=https://example.org"),
        ("Ada Lovelace", ""),
        ("email:", ""),
        ("subject:", ""),
        ("", ""),
    ],
)
def test_an_identity_means_a_name_of_one_kind(identity: str, name: str) -> None:
    """As it says, else by its form; what has no form of a name fits nothing, and nothing fits in another kind."""
    assert meant(identity) == name
    bare = name.partition(":")[2]
    assert bears([name], identity) is bool(name)
    assert not bears([f"{kind}:{bare}" for kind in KINDS if f"{kind}:{bare}" != name], identity)


def test_the_root_in_the_bundle_is_not_trusted(world: World) -> None:
    """Whoever brings a root of their own along is still a stranger, also under the same name."""
    theirs = authority("Example Root")
    world.sign(leaf(theirs), theirs)
    refused("LG836", world.verify)
    world.verify(theirs)


def test_a_missing_link_is_refused(world: World) -> None:
    """Without the certificate between, no path leads to the root."""
    signer = leaf(world.middle)
    world.sign(signer)
    error = refused("LG836", world.verify)
    assert error.seen["issued_by"] == "CN=Example Models"
    world.sign(signer, world.middle)
    world.verify()


@pytest.mark.parametrize(
    ("signs", "purposes"), [(False, ()), (None, ()), (True, (SERVER,)), (None, (SERVER,)), (False, (CODE,))]
)
def test_a_certificate_for_something_else_does_not_sign_models(
    world: World, signs: bool | None, purposes: tuple[object, ...]
) -> None:
    """A web server's certificate of the same authority, for one. Neither made nor accepted."""
    other = leaf(world.root, signs=signs, purposes=purposes)  # type: ignore[arg-type]
    refused("LG839", lambda: world.sign(other), Usage)
    refused("LG839", lambda: Authorities([world.root.certificate], NOW).certified([other.der]))


@pytest.mark.parametrize(("signs", "purposes"), [(True, ()), (None, (CODE,)), (True, (CODE, SERVER))])
def test_a_certificate_that_may_sign_is_taken(world: World, signs: bool | None, purposes: tuple[object, ...]) -> None:
    """Either word is enough, as long as the other does not contradict it."""
    world.sign(leaf(world.root, signs=signs, purposes=purposes))  # type: ignore[arg-type]
    world.verify()


def test_an_authority_does_not_sign_models_itself(world: World) -> None:
    """Its key is for certificates; a link of the chain cannot stand in for a signer."""
    both = authority("Example Models", world.root, purposes=(CODE,), signs=True)
    for one in (world.middle, both):
        refused("LG839", lambda der=one.der: Authorities([world.root.certificate], NOW).certified([der]))  # type: ignore[misc]


def test_a_chain_has_a_bounded_length(world: World) -> None:
    """Sixteen certificates are read, seventeen are not, neither when signing nor when verifying."""
    signer = leaf(world.middle)
    world.sign(signer, *[world.middle] * 15)
    world.verify()
    refused("LG839", lambda: world.sign(signer, *[world.middle] * 16), Usage)
    signature = world.folder / "model.sig"
    value = json.loads(signature.read_bytes())
    listed = value["verificationMaterial"]["x509CertificateChain"]["certificates"]
    listed.append(listed[-1])
    signature.write_bytes(encode(value))
    refused("LG850", world.verify)


def test_a_signer_certifies_nobody(world: World) -> None:
    """A signer's certificate is no authority: what it issues leads nowhere."""
    ada = leaf(world.root)
    eve = leaf(ada, "Eve")
    world.sign(eve, ada)
    refused("LG836", world.verify)


def test_an_authority_for_web_servers_certifies_no_signers(world: World) -> None:
    """The purposes of every link count, not only the signer's own."""
    web = authority("Example Web", world.root, purposes=(SERVER,))
    world.sign(leaf(web), web)
    refused("LG836", world.verify)


def test_an_authority_may_leave_its_usage_unsaid_but_not_deny_it(world: World) -> None:
    """Roots by `openssl req -x509` state no key usage; one that states another than certifying is none."""
    plain = authority("Plain Root", certifies=None)
    world.sign(leaf(plain))
    world.verify(plain)
    denying = authority("Denying Root", certifies=False)
    world.sign(leaf(denying))
    refused("LG836", lambda: world.verify(denying))


def test_certificates_count_at_the_time_of_verification(world: World) -> None:
    """Neither before nor after their time; a moment that the verifier names takes the place of now."""
    signer = leaf(world.middle)
    world.sign(signer, world.middle)
    late = NOW + timedelta(days=31)
    error = refused("LG838", lambda: world.verify(at=late))
    assert error.seen["until"] == "2026-12-26T12:00:00Z"
    refused("LG838", lambda: world.verify(at=NOW - timedelta(days=31)))
    refused("LG838", lambda: world.sign(signer, now=late), Refused)
    world.verify(at=NOW)


def test_every_certificate_of_the_path_must_be_valid(world: World) -> None:
    """A link that has run out breaks the chain, however long the signer's own certificate lives."""
    old = authority("Old Models", world.root, until=NOW + timedelta(days=1))
    world.sign(leaf(old), old)
    world.verify()
    error = refused("LG838", lambda: world.verify(at=NOW + timedelta(days=2)))
    assert error.seen["certificate"] == "CN=Old Models"


def test_key_and_certificate_belong_together(world: World, tmp_path: Path) -> None:
    """Somebody else's certificate is no help."""
    ada, eve = leaf(world.root).write(tmp_path, "ada"), leaf(world.root, "Eve").write(tmp_path, "eve")
    key = eve.with_suffix(".key")
    refused("LG832", lambda: sign_directory(world.folder, key, certificate=ada, now=NOW), Usage)
    assert not (world.folder / "model.sig").exists()


def test_a_borrowed_certificate_does_not_fit_the_signature(world: World) -> None:
    """Ada's certificate put into Eve's bundle: the signature is not by Ada's key."""
    world.sign(leaf(world.root))
    signature = world.folder / "model.sig"
    value = json.loads(signature.read_bytes())
    world.sign(leaf(world.root, "Eve"))
    forged = json.loads(signature.read_bytes())
    forged["verificationMaterial"] = value["verificationMaterial"]
    signature.write_bytes(encode(forged))
    refused("LG851", world.verify)


def test_keys_and_certificates_are_not_mixed(world: World, tmp_path: Path) -> None:
    """A bare key's signature satisfies no root, and a certified one no bare key."""
    signer = leaf(world.root)
    world.sign(signer)
    public = import_public_key(_public(signer))
    refused("LG851", lambda: verify_directory(world.folder, public))
    sign_directory(world.folder, (tmp_path / "signer.key"))
    verify_directory(world.folder, public)
    refused("LG851", world.verify)


@pytest.mark.parametrize(
    "chain",
    [
        {"certificates": []},
        {"certificates": [{"rawBytes": "AAAA"}]},
        {"certificates": [{"rawBytes": "AAAA"}] * 17},
        {"certificates": [{}]},
        {"certificates": 7},
        {"certificates": [{"rawBytes": "AAAA", "more": 1}]},
    ],
)
def test_chains_have_one_form(world: World, chain: object) -> None:
    """No certificate, no DER, too many, another field: refused as malformed."""
    world.sign(leaf(world.root))
    signature = world.folder / "model.sig"
    value = json.loads(signature.read_bytes())
    value["verificationMaterial"]["x509CertificateChain"] = chain
    signature.write_bytes(encode(value))
    refused("LG850", world.verify)


def test_rubbish_is_no_root(tmp_path: Path) -> None:
    """A file without certificates is the caller's mistake."""
    refused("LG839", lambda: Authorities.read(b"rubbish", NOW), Usage)


def test_a_stranger_s_name_cannot_write_to_the_terminal() -> None:
    """Control characters and direction marks come out as escapes."""
    assert printable("CN=Ada\x1b[2J\u202egro") == "CN=Ada\\x1b[2J\\u202egro"


def _public(held: Held) -> bytes:
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return held.key.public_key().public_bytes(serialization.Encoding.PEM, form)
