"""An archive of evidence, damaged in one place at a time, before the verifier of one file: each is refused.

Who damages it makes index.json and the ZIP fit again, as an attacker would; it holds no key, or (at the end) the
sealer's. Table: what was done -> the step that notices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence, Leaf
from lockgate.core.digest import hex_of
from lockgate.core.encoding import decode, encode
from lockgate.errors import LockgateError
from lockgate.project.offline_archive import verify_archive
from lockgate.trust.authority import AUTHORITIES
from lockgate.trust.dsse import Envelope
from tests.support.evidence_archive import Made, bundled, made_archive, packed, resealed, revocation
from tests.support.thief import leaf_of, other_spelling, said_anew, signed
from tests.support.verifier import NOW, asked, judged, verifier

CHAIN = (
    *("roles", "policy", "roles 2", "ingest", "validate", "train", "judge", "scan"),
    *("register", "waive", "approve", "promote", "deploy", "revoke"),
)
NOON = datetime.fromisoformat(NOW)
Damage = Callable[[Made], Mapping[str, bytes]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """The untouched archive."""
    with made_archive(tmp_path_factory.mktemp("evidence")) as found:
        yield found


def test_the_untouched_archive_holds(made: Made, tmp_path: Path) -> None:
    """The positive control of everything below: nine steps, and what is not proved is said."""
    path = tmp_path / "a.evidence.zip"
    assert judged(made, made.files, tmp_path) == (0, "")
    (tmp_path / "made.evidence.zip").rename(path)
    code, report = asked(made.root, path)
    assert (code, len(report["steps"]), report["verified"]) == (0, 9, True)
    assert len(report["not_proved"]) >= 6
    assert tuple("roles 2" if i == 2 else one.claim for i, one in enumerate(made.log)) == CHAIN


def test_under_another_root_nothing_holds(made: Made, tmp_path: Path) -> None:
    """The root is what is trusted: any other one, and the evidence is another project's."""
    path = tmp_path / "a.evidence.zip"
    judged(made, made.files, tmp_path)
    (tmp_path / "made.evidence.zip").rename(path)
    code, report = asked("ab" * 32, path)
    assert (code, "another project" in report["failed"]) == (3, True)
    mine = {**made.files, "index.json": encode({**decode(made.files["index.json"]), "project": "ab" * 32})}
    other = replace_root(made, mine, tmp_path)
    assert (other[0], "step 2" in other[1]) == (3, True)


def replace_root(made: Made, files: Mapping[str, bytes], folder: Path) -> tuple[int, str]:
    """The archive with these files, asked for under a root that its index names."""
    (folder / "b.zip").write_bytes(packed(files))
    code, report = asked("ab" * 32, folder / "b.zip")
    return code, report["failed"]


def flipped(data: bytes, place: int = -2) -> bytes:
    """With one bit changed."""
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def _file(name: str, change: Callable[[bytes], bytes | None]) -> Damage:
    return lambda made: made.with_files({name: change(made.files[name])})


def _index(**changes: Any) -> Damage:
    return lambda made: made.with_index(**changes)


def _in_index(key: str, **changes: Any) -> Damage:
    return lambda made: made.with_index(**{key: {**decode(made.files["index.json"])[key], **changes}})


def _claiming(path: str, proved: str) -> Damage:
    def claim(made: Made) -> Mapping[str, bytes]:
        listed = decode(made.files["index.json"])["files"]
        return made.with_index(files=[one | ({"proved": proved} if one["path"] == path else {}) for one in listed])

    return claim


def _fact(name: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Damage:
    def lie(data: bytes) -> bytes:
        return encode({"v": 1, "facts": change(decode(data)["facts"])})

    return _file(f"facts/{name}.json", lie)


def _leaves(change: Callable[[list[bytes]], list[bytes]]) -> Damage:
    def cut(made: Made) -> Mapping[str, bytes]:
        return made.with_files({"log/events/leaves": bundled(change(leaves_of(made)))})

    return cut


def leaves_of(made: Made) -> list[bytes]:
    """The leaves, one by one."""
    found: list[bytes] = verifier().read_leaves(made.files["log/events/leaves"])
    return found


def _unlisted(made: Made) -> Mapping[str, bytes]:
    return {**made.files, "extra.txt": b"nobody lists me"}


def _sooner(data: bytes) -> bytes:
    return data.replace(b"\n14\n", b"\n13\n")


def _another_manifest(made: Made) -> Mapping[str, bytes]:
    model = decode(made.files["index.json"])["model"]
    return made.with_index(model={**model, "manifest": "sha256:" + "0" * 64})


WITHOUT_KEYS: Mapping[str, tuple[Damage, str]] = {
    "index: kind": (_index(kind="other"), "step 1"),
    "index: version": (_index(v=2), "step 1"),
    "index: project": (_index(project="cd" * 32), "step 1"),
    "index: time": (_index(made="yesterday"), "step 1"),
    "index: another key": (_index(more=1), "step 1"),
    "index: model's name": (_in_index("model", name="other"), "step 1"),
    "index: model's reference": (_in_index("model", ref="flights@2"), "step 1"),
    "index: model's version": (_in_index("model", version=2, ref="flights@2"), "step 5"),
    "index: model's manifest": (_another_manifest, "step 5"),
    "index: size of the log": (_in_index("events", size=13), "step 3"),
    "index: root of the log": (_in_index("events", root="00" * 32), "step 3"),
    "index: size of predictions": (_in_index("predictions", size=3), "step 8"),
    "index: no predictions": (_index(predictions=None), "step 8"),
    "index: a file unlisted": (_unlisted, "step 1"),
    "index: a file listed and missing": (lambda m: {k: v for k, v in m.files.items() if k != "policy.toml"}, "step 1"),
    "index: a file's digest": (lambda m: {**m.files, "policy.toml": flipped(m.files["policy.toml"])}, "step 1"),
    "index: INDEX.html called proved": (_claiming("INDEX.html", "statement"), "step 9"),
    "index: verify.py called proved": (_claiming("verify.py", "log"), "step 9"),
    "index: a fact called the log": (_claiming("facts/quarantine.json", "log"), "step 9"),
    "index: a word of its own": (_claiming("policy.toml", "certified"), "step 9"),
    "index: in another spelling": (lambda m: {**m.files, "index.json": m.files["index.json"] + b"\n"}, "step 1"),
    "index: missing": (lambda m: {k: v for k, v in m.files.items() if k != "index.json"}, "step 1"),
    "log: size in the checkpoint": (_file("log/events/checkpoint", _sooner), "step 3"),
    "log: signature of the checkpoint": (_file("log/events/checkpoint", lambda d: flipped(d, -20)), "step 3"),
    "log: name in the checkpoint": (
        _file("log/events/checkpoint", lambda d: d.replace(b"/events", b"/evants")),
        "step 3",
    ),
    "log: the checkpoint of predictions": (
        lambda m: m.with_files({"log/events/checkpoint": m.files["log/predictions/checkpoint"]}),
        "step 3",
    ),
    "log: no checkpoint": (_file("log/events/checkpoint", lambda _: None), "step 3"),
    "log: last leaf left out": (_leaves(lambda found: found[:-1]), "step 3"),
    "log: two leaves changed places": (_leaves(lambda found: [*found[:-2], found[-1], found[-2]]), "step 3"),
    "log: a leaf's time": (_leaves(lambda f: [*f[:-1], f[-1].replace(b"2026-11-23", b"2026-11-22")]), "step 3"),
    "log: a leaf twice": (_leaves(lambda found: [*found, found[-1]]), "step 3"),
    "log: no leaf": (_leaves(lambda _: []), "step 2"),
    "log: no roles file first": (_leaves(lambda found: found[1:]), "step 2"),
    "log: a leaf cut off": (_file("log/events/leaves", lambda data: data[:-1]), "step 2"),
    "log: a leaf with another field": (_leaves(lambda f: [*f[:-1], f[-1].replace(b'"v":1', b'"v":1,"w":1')]), "step 2"),
    "log: no leaves": (_file("log/events/leaves", lambda _: None), "step 2"),
    "statement: one that the log lacks": (
        lambda m: m.with_files({"statements/" + "0" * 64 + ".json": b"{}"}),
        "step 4",
    ),
    "model: manifest": (_file("model/manifest.json", flipped), "step 7"),
    "model: no manifest": (_file("model/manifest.json", lambda _: None), "step 7"),
    "model: signature": (_file("model/model.sig", flipped), "step 7"),
    "model: no signature": (_file("model/model.sig", lambda _: None), "step 7"),
    "model: a file": (_file("model/io.json", flipped), "step 7"),
    "model: a file added, called signed": (lambda m: m.with_files({"model/more.txt": b"x"}), "step 9"),
    "policy: text": (_file("policy.toml", flipped), "step 9"),
    "record: one field": (_file("records/0.json", lambda d: d.replace(b'"seq":0', b'"seq":7')), "step 8"),
    "record: another's": (lambda m: m.with_files({"records/0.json": m.files["records/1.json"]}), "step 8"),
    "record: without proof": (_file("proofs/predictions/0.tlog-proof", lambda _: None), "step 8"),
    "record: by another name": (lambda m: m.with_files({"records/x.json": m.files["records/1.json"]}), "step 8"),
    "proof: without record": (_file("records/0.json", lambda _: None), "step 8"),
    "proof: index": (_file("proofs/predictions/1.tlog-proof", lambda d: d.replace(b"index 1", b"index 0")), "step 8"),
    "proof: hash": (_file("proofs/predictions/1.tlog-proof", lambda d: flipped(d, 45)), "step 8"),
    "proof: checkpoint": (_file("proofs/predictions/1.tlog-proof", flipped), "step 8"),
    "predictions: checkpoint": (_file("log/predictions/checkpoint", lambda d: flipped(d, -20)), "step 8"),
    "predictions: no checkpoint": (_file("log/predictions/checkpoint", lambda _: None), "step 8"),
    "facts: a value": (_fact("quarantine", lambda f: [{**f[0], "value": 7}, *f[1:]]), "step 9"),
    "facts: a place": (_fact("quarantine", lambda f: [{**f[0], "index": 1}, *f[1:]]), "step 9"),
    "facts: a path": (_fact("quarantine", lambda f: [{**f[0], "path": ["predicate", "rows"]}, *f[1:]]), "step 9"),
    "facts: a statement": (_fact("waivers", lambda f: [{**f[0], "statement": "sha256:" + "0" * 64}]), "step 9"),
    "facts: no revocations": (_fact("revocations", lambda _: []), "step 9"),
    "facts: no approvals": (_fact("approvals", lambda _: []), "step 9"),
    "facts: no waivers": (_fact("waivers", lambda _: []), "step 9"),
    "facts: no deployments": (_fact("deployments", lambda _: []), "step 9"),
    "facts: a word of its own": (_fact("quarantine", lambda f: [{**f[0], "by": "me"}]), "step 9"),
}


@pytest.mark.parametrize("name", WITHOUT_KEYS)
def test_somebody_without_keys_changes_nothing_unseen(name: str, made: Made, tmp_path: Path) -> None:
    """Exit 3, at the step that answers for it."""
    damage, step = WITHOUT_KEYS[name]
    code, why = judged(made, damage(made), tmp_path)
    assert (code, f"{step}," in why) == (3, True), why


LEFT_TO_THE_VERIFIER = {
    *("index: INDEX.html called proved", "index: verify.py called proved", "index: a fact called the log"),
    *("model: a file added, called signed", "facts: no revocations", "facts: no approvals", "facts: no waivers"),
    "facts: no deployments",
}
"""What the archive says too much of itself, or too little: `lockgate verify` shows what the log says instead."""


@pytest.mark.parametrize("name", WITHOUT_KEYS)
def test_the_product_sees_it_too(name: str, made: Made, tmp_path: Path) -> None:
    """The second implementation, on the same archives: exit 3."""
    (tmp_path / "a.evidence.zip").write_bytes(packed(WITHOUT_KEYS[name][0](made)))
    try:
        verify_archive(tmp_path / "a.evidence.zip", NOON, root=made.root)
        found = 0
    except LockgateError as error:
        found = error.exit_code
    assert found == (0 if name in LEFT_TO_THE_VERIFIER else 3)


@pytest.mark.parametrize("position", range(len(CHAIN)), ids=CHAIN)
def test_no_statement_is_left_out_or_changed(position: int, made: Made, tmp_path: Path) -> None:
    """Missing, with another word in it, with a flipped signature, or in the other spelling of it: noticed."""
    one = made.log[position]
    name = f"statements/{hex_of(one.digest)}.json"
    step = "step 2" if one.claim == "roles" else "step 4"
    parsed = Envelope.parse(one.envelope)
    reworded = replace(parsed, payload=said_anew(one, time="2027-01-01T00:00:00Z").payload()).encode()
    forged = replace(
        parsed, signatures=(replace(parsed.signatures[0], sig=flipped(parsed.signatures[0].sig)),)
    ).encode()
    for data in (None, reworded, forged, other_spelling(one.envelope), one.envelope + b"\n"):
        code, why = judged(made, made.with_files({name: data}), tmp_path)
        assert (code, f"{step}," in why) == (3, True), why


def _envelopes(made: Made) -> list[bytes]:
    return [one.envelope for one in made.log]


def test_the_same_statements_sealed_anew_hold(made: Made, tmp_path: Path) -> None:
    """The positive control of what the sealer's key can do: the same words in the same order."""
    assert judged(made, resealed(made, _envelopes(made)), tmp_path) == (0, "")


@pytest.mark.parametrize("position", range(len(CHAIN) - 1), ids=CHAIN[:-1])
def test_not_even_the_sealer_leaves_out_what_the_model_rests_on(position: int, made: Made, tmp_path: Path) -> None:
    """Each statement of a live model is needed. A waiver or an approval: the summary names it."""
    left = [one for index, one in enumerate(_envelopes(made)) if index != position]
    code, why = judged(made, resealed(made, left), tmp_path)
    steps = {"roles": "2", "roles 2": "4", **dict.fromkeys(("policy", "waive", "approve", "promote"), "6")}
    expected = steps.get(CHAIN[position], "5")
    if CHAIN[position] == "deploy":
        assert (code, why) == (0, "")  # then it stands nowhere, and that is what is said
    else:
        assert (code, f"step {expected}," in why) == (3, True), why


@pytest.mark.parametrize("position", range(len(CHAIN)), ids=CHAIN)
def test_not_even_the_sealer_says_a_thing_twice(position: int, made: Made, tmp_path: Path) -> None:
    """The same envelope, or the same signature in its other spelling, at the end of the log."""
    one = made.log[position]
    for again in (one.envelope, other_spelling(one.envelope)):
        code, why = judged(made, resealed(made, [*_envelopes(made), again]), tmp_path)
        assert (code, bool(re.match(r"step [24],", why))) == (3, True), why


@pytest.mark.parametrize("position", range(len(CHAIN)), ids=CHAIN)
def test_the_sealer_cannot_say_what_others_did_not(position: int, made: Made, tmp_path: Path) -> None:
    """Another text under a statement's own signature, or a changed signature, sealed with its right digest: forged."""
    one, log = made.log[position], _envelopes(made)
    parsed = Envelope.parse(one.envelope)
    reworded = replace(parsed, payload=said_anew(one, time="2027-01-01T00:00:00Z").payload())
    first = replace(parsed.signatures[0], sig=flipped(parsed.signatures[0].sig))
    for forged in (reworded, replace(parsed, signatures=(first, *parsed.signatures[1:]))):
        log[position] = forged.encode()
        code, why = judged(made, resealed(made, log), tmp_path)
        assert (code, "is forged" in why) == (3, True), why


@pytest.mark.parametrize(
    ("claim", "field", "value"),
    [
        ("waive", "claim", "approve"),
        ("waive", "predicate_type", "urn:other"),
        ("waive", "size", 1),
        ("revoke", "claim", "mark"),
    ],
)
def test_the_sealer_cannot_call_a_statement_another(
    claim: str, field: str, value: object, made: Made, tmp_path: Path
) -> None:
    """A leaf says of its statement what it is."""
    log = _envelopes(made)
    position = CHAIN.index(claim)
    leaves = [leaf_of(envelope, made.log[0].time) for envelope in log]
    leaves[position] = replace(Leaf.parse(leaves[position]), **{field: value}).encode()  # type: ignore[arg-type]
    code, why = judged(made, resealed(made, log, leaves), tmp_path)
    assert (code, "describes another statement" in why) == (3, True), why
    assert judged(made, resealed(made, log, [leaf_of(one, made.log[0].time) for one in log]), tmp_path)[0] == 0


def _by(made: Made, role: str, one: Evidence, **changes: Any) -> bytes:
    return signed(said_anew(one, **changes), made.project.keyring.signer(role))


@pytest.mark.parametrize(
    "role", ["ingester", "validator", "trainer", "judge", "signer", "deployer", "guard", "revoker"]
)
def test_no_role_says_what_another_may(role: str, made: Made, tmp_path: Path) -> None:
    """Each other claim of the log, signed with this role's key and sealed: step 4."""
    for position, one in enumerate(made.log):
        allowed = AUTHORITIES[one.claim].roles
        if role in allowed or one.claim in {"roles", "approve"}:
            continue
        log = _envelopes(made)
        log[position] = _by(made, role, one)
        code, why = judged(made, resealed(made, log), tmp_path)
        assert (code, "step 4, the statements: a " in why) == (3, True), why


@pytest.mark.parametrize("what", ["manifest", "register", "ingest", "data", "deploy", "promote", "approve"])
def test_what_is_revoked_is_refused(what: str, made: Made, tmp_path: Path) -> None:
    """Exit 1: all of it is genuine, and somebody who may has taken it back."""
    found = {one.claim: one for one in made.log}
    targets = {"manifest": found["deploy"].predicate["manifest"], "data": found["ingest"].statement.subjects[0].digest}
    target = targets[what] if what in targets else found[what].digest
    envelope = signed(revocation(target, "poisoned"), made.project.keyring.signer("revoker"))
    code, why = judged(made, resealed(made, [*_envelopes(made), envelope]), tmp_path)
    assert (code, "poisoned" in why) == (1, True), why


def test_an_expired_roles_file_or_waiver_is_refused(made: Made, tmp_path: Path) -> None:
    """Exit 1 a month later: the waiver has ended. The positive control is every test at NOW."""
    path = tmp_path / "late.zip"
    path.write_bytes(packed(made.files))
    said: list[str] = []
    late = NOW.replace("2026-11", "2026-12")
    assert verifier().main(["--root", made.root, "--at", late, str(path)], said.append) == 1
    assert "REFUSED  a waiver in prod ended" in "".join(said)
