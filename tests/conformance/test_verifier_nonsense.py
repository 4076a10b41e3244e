"""What roles sign, and the sealer seals, that does not fit together: the verifier of one file believes none of it.

The strongest thief: every key but the root's. Each statement that names an old one by digest is signed anew after it:
nothing is wrong but what the table says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.encoding import decode, encode
from lockgate.core.statement import Statement, Subject, parse, resource
from lockgate.errors import Refused
from lockgate.project.offline_archive import verify_archive
from tests.support.evidence_archive import Made, indexed, made_archive, packed, resealed
from tests.support.thief import said_anew, signed
from tests.support.verifier import NOW, judged

NOTHING = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A model live in prod, honestly."""
    with made_archive(tmp_path_factory.mktemp("evidence")) as found:
        yield found


@dataclass(frozen=True)
class Lie:
    """`claim` is changed by `change`, and signed by `role`; before it, `extra` statements are said, each by a role."""

    claim: str
    change: Callable[[Statement], Statement]
    step: str
    role: str = ""
    extra: Callable[[Made], list[tuple[str, Statement]]] = lambda _: []


def told(made: Made, lie: Lie, **names: str) -> tuple[dict[str, bytes], dict[str, str]]:
    """The archive of the log with the lie in it, and which hex digests became which, `names` among them."""
    renamed = dict(names)
    log: list[bytes] = []
    for one in made.log:
        said = one.statement
        if one.claim != "roles":
            text = said.payload().decode()
            for old, new in renamed.items():
                text = text.replace(old, new)
            said = parse(text.encode())
        if one.claim == lie.claim:
            log += [signed(each, made.project.keyring.signer(role)) for role, each in lie.extra(made)]
            said = lie.change(said)
        if said == one.statement and not (lie.role and one.claim == lie.claim):
            log.append(one.envelope)
            continue
        role = lie.role if lie.role and one.claim == lie.claim else one.role
        log.append(signed(said, made.project.keyring.signer("root" if one.claim == "roles" else role)))
        renamed[hex_of(one.digest)] = hex_of(digest_of(log[-1]))
    return resealed(made, log), renamed


def saying(**changes: Any) -> Callable[[Statement], Statement]:
    """With other fields in the predicate."""
    return lambda statement: replace(statement, predicate={**statement.predicate, **changes})


def at(*path: str, to: Callable[[Any], object]) -> Callable[[Statement], Statement]:
    """With something else at this place of the predicate."""

    def change(statement: Statement) -> Statement:
        predicate = decode(encode(statement.predicate))
        place = predicate
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to(place[path[-1]])
        return replace(statement, predicate=predicate)

    return change


def about(*subjects: tuple[str, str]) -> Callable[[Statement], Statement]:
    """About something else."""
    return lambda said: replace(said, subjects=tuple(Subject(name, Digest(digest)) for name, digest in subjects))


def _without(name: str) -> Callable[[Any], object]:
    return lambda listed: [one for one in listed if one["name"] != name]


def _another(name: str) -> Callable[[Any], object]:
    return lambda listed: [resource(name, Digest(NOTHING)) if one["name"] == name else one for one in listed]


USED = ("buildDefinition", "resolvedDependencies")


def _named_before(made: Made) -> list[tuple[str, Statement]]:
    said = next(one for one in made.log if one.claim == "ingest").statement
    definition = {**said.predicate["buildDefinition"], "externalParameters": {"model": "flights"}}
    return [("ingester", replace(said, predicate={**said.predicate, "buildDefinition": definition}))]


LIES: Mapping[str, Lie] = {
    "a deployment of another project": Lie("deploy", saying(project="ab" * 32), "4"),
    "a deployment in no environment": Lie("deploy", saying(environment="*"), "4"),
    "a gap": Lie("deploy", saying(sequence=2), "6"),
    "a fork": Lie("deploy", saying(predecessor=NOTHING), "6"),
    "below the floor": Lie("deploy", saying(floor=2), "6"),
    "another version": Lie("deploy", saying(version=2), "6"),
    "another manifest": Lie("deploy", saying(manifest=NOTHING), "6"),
    "another summary": Lie("deploy", saying(vsa=NOTHING), "6"),
    "a summary that is none": Lie("deploy", lambda s: saying(vsa=s.predicate["manifest"])(s), "6"),
    "a rung that is not live": Lie("deploy", saying(rung="canary"), "6"),
    "a version that is a text": Lie("deploy", saying(version="1"), "6"),
    "a summary that failed": Lie("promote", saying(verificationResult="FAILED"), "6"),
    "a summary for another environment": Lie("promote", saying(environment="dev"), "6"),
    "a summary for another place": Lie("promote", saying(resourceUri="urn:lockgate:environment:dev:flights"), "6"),
    "a summary of another model": Lie("promote", about(("flights@1", NOTHING)), "6"),
    "a summary under no policy": Lie("promote", saying(policy={"digest": {"sha256": "0" * 64}}), "6"),
    "a summary on what is not there": Lie(
        "promote", at("inputAttestations", to=lambda found: [*found, {"digest": {"sha256": "0" * 64}}]), "6"
    ),
    "a summary on too little": Lie("promote", at("inputAttestations", to=lambda found: found[1:]), "6"),
    "an approval for elsewhere": Lie("approve", saying(environment="dev"), "6"),
    "an approval of something else": Lie("approve", saying(manifest=NOTHING), "6"),
    "a waiver for elsewhere": Lie("waive", saying(environment="dev"), "6"),
    "the guard first": Lie("deploy", saying(move="down"), "6", "guard"),
    "the guard's climb": Lie("deploy", saying(move="up"), "4", "guard"),
    "the guard's climb by nobody's leave": Lie("deploy", saying(authorisation=NOTHING), "6", "guard"),
    "another snapshot": Lie("validate", saying(snapshot=NOTHING), "5"),
    "no snapshot": Lie("ingest", about(("other", NOTHING)), "5"),
    "other rows": Lie("train", at(*USED, to=_without("accepted.parquet")), "5"),
    "another contract": Lie("validate", saying(contract=resource("contract.py:Flight", Digest(NOTHING))), "5"),
    "other doubts": Lie("train", at(*USED, to=lambda f: [*f, resource("screen.parquet", Digest(NOTHING))]), "5"),
    "another lock": Lie("train", at(*USED, to=_another("requirements.lock")), "5"),
    "other code": Lie("train", at(*USED, to=_another("code/contract.py")), "5"),
    "another candidate": Lie("judge", about(("model.onnx", NOTHING), ("io.json", NOTHING)), "5"),
    "no candidate": Lie("train", about(("other", NOTHING)), "5"),
    "a scan that failed": Lie("scan", saying(result="FAILED"), "5"),
    "a scan of other files": Lie("scan", about(("model.onnx", NOTHING)), "5"),
    "a judge of another model": Lie("judge", saying(model="other"), "5"),
    "all of another model, by the own name": Lie("ingest", lambda said: said, "5", extra=_named_before),
    "a registration of another manifest": Lie("register", about(("flights@1", NOTHING)), "5"),
    "a registration on other statements": Lie(
        "register", at("inputs", to=lambda found: {**found, "judge": found["scan"]}), "5"
    ),
    "a registration without a scan": Lie(
        "register", at("inputs", to=lambda found: {key: found[key] for key in found if key != "scan"}), "5"
    ),
    "a registration of other files": Lie("register", at("files", to=lambda found: found[1:]), "5"),
    "a registration of no files": Lie("register", saying(files=[]), "5"),
    "a registration of one file twice": Lie("register", at("files", to=lambda found: [*found, found[0]]), "5"),
    "another signature": Lie("register", saying(signature={"digest": NOTHING, "size": 1}), "7"),
    "another size": Lie("register", at("manifest", "size", to=lambda size: size + 1), "7"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_that_is_well_signed(name: str, made: Made, tmp_path: Path) -> None:
    """Exit 3, at the step that answers for it."""
    files, _ = told(made, LIES[name])
    code, why = judged(made, files, tmp_path)
    assert (code, f"step {LIES[name].step}," in why) == (3, True), why


def test_the_truth_told_anew(made: Made, tmp_path: Path) -> None:
    """The positive control of the table: one word that nobody reads, and everything after it signed again."""
    files, renamed = told(made, Lie("ingest", at("runDetails", "builder", to=lambda one: {**one, "note": "x"}), ""))
    assert judged(made, files, tmp_path) == (0, "")
    assert len(renamed) >= 4


def test_another_model_under_the_registered_manifest(made: Made, tmp_path: Path) -> None:
    """A manifest that lists other files than the registration, with its own right digest everywhere."""
    manifest = decode(made.files["model/manifest.json"])
    manifest["layers"] = manifest["layers"][:-1]
    forged = encode(manifest)
    old, new = hex_of(digest_of(made.files["model/manifest.json"])), hex_of(digest_of(forged))
    files, _ = told(made, Lie("register", at("manifest", "size", to=lambda _: len(forged)), "7"), **{old: new})
    files["model/manifest.json"] = forged
    files["index.json"] = files["index.json"].replace(old.encode(), new.encode())
    code, why = judged(made, indexed(files), tmp_path)
    assert (code, "the manifest lists other files" in why) == (3, True), why


def test_an_expired_roles_file_is_refused(made: Made, tmp_path: Path) -> None:
    """Exit 1: what it holds was true, and its root has not said so anew."""
    log = [one.envelope for one in made.log]
    for expires, expected in (("2026-11-23T11:00:00Z", 1), ("2026-11-23T13:00:00Z", 0)):
        log[2] = signed(said_anew(made.log[2], expires=expires), made.project.keyring.signer("root"))
        code, why = judged(made, resealed(made, log), tmp_path)
        assert (code, "expired" in why) == (expected, bool(expected))
        (tmp_path / "a.evidence.zip").write_bytes(packed(resealed(made, log)))
        with pytest.raises(Refused) if expected else nullcontext() as no:
            verify_archive(tmp_path / "a.evidence.zip", datetime.fromisoformat(NOW), root=made.root)
        assert no is None or no.value.finding == "LG824"
