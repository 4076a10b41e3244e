"""A log of statements in memory, as the ledger would hand it on: verified already, so nothing here is signed.

`Chronicle` writes the statements of whole pipelines; attacks are written by leaving one out, or by changing one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lockgate.audit.entries import INPUTS
from lockgate.audit.evidence import Evidence
from lockgate.core.digest import Digest, digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import (
    APPROVAL,
    DEPLOYMENT,
    LADDER,
    PROVENANCE,
    REGISTRATION,
    REVOCATION,
    VERIFICATION_SUMMARY,
    Statement,
    Subject,
    claim_uri,
    resource,
    test_result,
)
from lockgate.trust.policy import Policy

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

ROLES = {
    "policy": "policy",
    "ingest": "ingester",
    "validate": "validator",
    "train": "trainer",
    "judge": "judge",
    "scan": "signer",
    "register": "signer",
    "approve": "approver",
    "promote": "deployer",
    "deploy": "deployer",
    "authorise": "deployer",
    "revoke": "revoker",
}


def blob(*words: object) -> Digest:
    """The digest of an invented file."""
    return digest_of(repr(words).encode())


def provenance(claim: str, subjects: Mapping[str, Digest], dependencies: Mapping[str, Digest]) -> Statement:
    """A thin SLSA provenance."""
    return Statement(
        tuple(Subject(name, digest) for name, digest in subjects.items()),
        PROVENANCE,
        {
            "buildDefinition": {
                "buildType": claim_uri(claim),
                "externalParameters": {},
                "internalParameters": {"jails": {"fit": {"level": 3}}, "denied": []},
                "resolvedDependencies": [resource(name, digest) for name, digest in dependencies.items()],
            },
            "runDetails": {"builder": {"id": "test"}, "metadata": {"finishedOn": rfc3339(START)}},
        },
    )


@dataclass
class Chronicle:
    """Statements in log order; `add` appends one."""

    evidences: list[Evidence] = field(default_factory=list)
    now: datetime = START

    def add(self, statement: Statement, *, role: str = "", person: str = "mara", keyid: str = "") -> Evidence:
        """Append `statement` as if `role` had signed it."""
        claim = statement.claim
        role = role or ROLES[claim]
        self.now += timedelta(seconds=1)
        envelope = repr((len(self.evidences), role, person)).encode() + statement.payload()
        one = Evidence(
            len(self.evidences),
            digest_of(envelope),
            envelope,
            statement,
            claim,
            role,
            person,
            keyid or f"{person}/{role}",
            self.now,
        )
        self.evidences.append(one)
        return one

    def policy(self, text: str = "policy 1", rules: str = "[environment.dev]\n[environment.prod]\n") -> Evidence:
        """A policy comes into force, one version higher than the one before."""
        version = 1 + sum(one.claim == "policy" for one in self.evidences)
        rules = rules.replace("[environment.prod]\n", "[environment.prod]\napprovals = 0\n")
        return self.add(Policy.from_text(f"version = {version}\n# {text}\n{rules}").statement(self.now))

    def candidate(self, seed: str, *, person: str = "mara") -> dict[str, Evidence]:
        """ingest, validate, train, judge and scan of one model; `seed` makes it different from others."""
        snapshot, accepted = blob(seed, "snapshot"), blob(seed, "accepted")
        model = {"model.onnx": blob(seed, "model"), "io.json": blob(seed, "io")}
        files = tuple(Subject(name, digest) for name, digest in model.items())
        return {
            "ingest": self.add(provenance("ingest", {"snapshot.parquet": snapshot}, {}), person=person),
            "validate": self.add(
                test_result(
                    "validate",
                    [Subject("accepted.parquet", accepted)],
                    "PASSED",
                    rules=blob("contract"),
                    snapshot=snapshot,
                    baseline=blob(seed, "baseline"),
                    rows=100,
                    accepted=100,
                    quarantined=0,
                    jails={"check": {"level": 3}},
                ),
                person=person,
            ),
            "train": self.add(
                provenance(
                    "train",
                    model,
                    {"accepted": accepted, "code/contract.py": blob("code"), "requirements.lock": blob("lock")},
                ),
                person=person,
            ),
            "judge": self.add(
                test_result("judge", files, "PASSED", rules=blob("judge"), metrics={}, jail={"level": 3}), person=person
            ),
            "scan": self.add(
                test_result("scan", files, "PASSED", rules=blob("scan"), jail={"level": 3}), person=person
            ),
        }

    def register(self, inputs: Mapping[str, Evidence], *, name: str = "flights", version: int = 1) -> Evidence:
        """A registration that rests on `inputs`."""
        model = {s.name: s.digest for s in inputs["scan"].statement.subjects}
        manifest = blob(name, sorted(model.items()))
        predicate = {
            "claim": claim_uri("register"),
            "time": rfc3339(self.now),
            "name": name,
            "version": version,
            "manifest": {"digest": manifest, "size": 7},
            "files": [{"name": n, "sha256": d.removeprefix("sha256:"), "size": 3} for n, d in model.items()],
            "signature": {"digest": blob("signature"), "size": 5},
            "inputs": {claim: inputs[claim].digest for claim in INPUTS},
            "policy": {"digest": blob("policy 1"), "reasons": []},
        }
        return self.add(Statement((Subject(f"{name}@{version}", manifest),), REGISTRATION, predicate))

    def model(self, seed: str, *, name: str = "flights", version: int = 1) -> Evidence:
        """A registered model with all that it rests on."""
        return self.register(self.candidate(seed), name=name, version=version)

    def approve(
        self, registered: Evidence, environment: str = "dev", *, person: str = "ada", keyid: str = ""
    ) -> Evidence:
        """A person's word for a registered model."""
        subject = registered.statement.subjects[0]
        predicate = {
            "claim": claim_uri("approve"),
            "time": rfc3339(self.now),
            "environment": environment,
            "manifest": subject.digest,
        }
        return self.add(Statement((subject,), APPROVAL, predicate), person=person, keyid=keyid)

    def summary(self, registered: Evidence, environment: str = "dev", **changes: Any) -> Evidence:
        """The verification summary of a registered model."""
        subject, said = registered.statement.subjects[0], registered.predicate
        policy = next((e for e in reversed(self.evidences) if e.claim == "policy"), None)
        predicate = {
            "verifier": {"id": claim_uri("promote")},
            "timeVerified": rfc3339(self.now),
            "environment": environment,
            "resourceUri": f"urn:lockgate:environment:{environment}:{said['name']}",
            "policy": resource("policy", policy.statement.subjects[0].digest if policy else blob("no policy")),
            "inputAttestations": [
                resource("x", digest) for digest in (registered.digest, *sorted(said["inputs"].values()))
            ],
            "verificationResult": "PASSED",
            "verifiedLevels": [],
            **changes,
        }
        return self.add(Statement((subject,), VERIFICATION_SUMMARY, predicate))

    def deploy(
        self,
        registered: Evidence,
        environment: str = "dev",
        *,
        role: str = "deployer",
        summary: Evidence | None = None,
        **changes: Any,
    ) -> Evidence:
        """A deployment that follows the newest one of that name in that environment; `changes` break it."""
        summary = summary or self.summary(registered, environment)
        said = registered.predicate
        before = [
            e
            for e in self.evidences
            if e.claim == "deploy" and (e.predicate["environment"], e.predicate["name"]) == (environment, said["name"])
        ]
        subject = registered.statement.subjects[0]
        predicate = {
            "claim": claim_uri("deploy"),
            "time": rfc3339(self.now),
            "environment": environment,
            "name": said["name"],
            "version": said["version"],
            "manifest": subject.digest,
            "sequence": len(before) + 1,
            "predecessor": before[-1].digest if before else None,
            "rung": "live",
            "share": 1.0,
            "vsa": summary.digest,
            "floor": before[-1].predicate["floor"] if before else 1,
            "reason": "",
            "move": "up",
            **changes,
        }
        return self.add(Statement((subject,), DEPLOYMENT, predicate), role=role)

    def authorise(
        self,
        registered: Evidence,
        environment: str = "dev",
        *,
        rungs: Sequence[tuple[str, float]],
        role: str = "deployer",
        lasts: timedelta = timedelta(days=7),
        **changes: Any,
    ) -> Evidence:
        """A deployer's word that a model may climb `rungs` by itself; `changes` break it."""
        said, subject = registered.predicate, registered.statement.subjects[0]
        policy = next(e for e in reversed(self.evidences) if e.claim == "policy")
        predicate = {
            "claim": claim_uri("authorise"),
            "time": rfc3339(self.now),
            "environment": environment,
            "name": said["name"],
            "version": said["version"],
            "manifest": subject.digest,
            "policy": policy.statement.subjects[0].digest,
            "rungs": [{"name": name, "share": share} for name, share in rungs],
            "expires": rfc3339((self.now + lasts).replace(microsecond=0)),
            "reason": "",
            **changes,
        }
        return self.add(Statement((subject,), LADDER, predicate), role=role)

    def revoke(self, target: Digest, reason: str = "found wrong") -> Evidence:
        """A revocation of a manifest or of a statement."""
        predicate = {"claim": claim_uri("revoke"), "time": rfc3339(self.now), "reason": reason}
        return self.add(Statement((Subject("revoked", target),), REVOCATION, predicate))

    def without(self, gone: Evidence) -> list[Evidence]:
        """The log as an attacker shows it who leaves one statement out."""
        return [one for one in self.evidences if one is not gone]

    def changed(self, target: Evidence, edit: Callable[[Evidence], Evidence]) -> list[Evidence]:
        """The log with one piece of evidence changed."""
        return [edit(one) if one is target else one for one in self.evidences]


def with_predicate(**changes: Any) -> Callable[[Evidence], Evidence]:
    """An edit that changes fields of a statement and leaves its digest, as only a forger could."""

    def edit(one: Evidence) -> Evidence:
        return replace(one, statement=replace(one.statement, predicate={**one.predicate, **changes}))

    return edit
