"""NIST SP 800-218A (July 2024): the tasks of which a file of the archive shows something. Pure data; words are ours."""

from __future__ import annotations

from typing import Final

from lockgate.export.evidence.mappings_row import Row

NIST: Final[tuple[Row, ...]] = (
    Row(
        "PO.2.1",
        "Roles and responsibilities over the whole life cycle",
        "Who may sign what, for which environment, and how many must; every version since the first day.",
        ("facts/roles.json", "facts/separation.json"),
        "Job descriptions, reviews of them, and whether one person acts under several names.",
    ),
    Row(
        "PO.3.3",
        "Tools leave artefacts of what they did",
        "Each stage leaves a signed statement in an append-only log.",
        ("statements/", "log/events/leaves"),
        "Tools outside of Lockgate.",
    ),
    Row(
        "PO.4.1",
        "Criteria for security checks, tracked",
        "The signed policy, which only rises in version, and what it said of this model.",
        ("policy.toml", "facts/promotions.json", "facts/waivers.json"),
        "Whether the criteria are the right ones.",
    ),
    Row(
        "PO.5.1",
        "Environments separated and protected",
        "What the jail of training was allowed, and what its first process tried and could not.",
        ("facts/training.json", "access-matrix.json"),
        "The machine around the jail, and the one on which people develop.",
    ),
    Row(
        "PO.5.3",
        "Watch what runs in development environments",
        "What the training code tried and was denied.",
        ("facts/training.json",),
        "Continuous monitoring of the machines.",
    ),
    Row(
        "PS.1.1",
        "Code, models and configuration against unauthorised access and change",
        "Training code, contract and model are one closure, signed and named by digest.",
        ("model/manifest.json", "model/model.sig"),
        "Confidentiality, and the source repository.",
    ),
    Row(
        "PS.1.2",
        "Training and testing data against unauthorised access and change",
        "Each dataset by digest at every step: a changed row is a refused statement.",
        ("facts/sources.json", "facts/quarantine.json"),
        "Who could read the data.",
    ),
    Row(
        "PS.1.3",
        "Weights and configuration parameters against unauthorised access and change",
        "Signed, written once, compared whenever they are loaded; who approved, where the policy asks for persons.",
        ("model/model.sig", "facts/approvals.json"),
        "Encryption of weights.",
    ),
    Row(
        "PS.2.1",
        "Integrity information for whoever acquires the software",
        "This archive, and a verifier of one file that needs nothing of ours.",
        ("verify.py", "index.json", "model/model.sig"),
        "The way by which the root's fingerprint reaches them.",
    ),
    Row(
        "PS.3.1",
        "Keep what belongs to a release",
        "Every statement of the project since its first, and each file that was registered by digest.",
        ("statements/", "model/manifest.json"),
        "Backups.",
    ),
    Row(
        "PS.3.2",
        "Provenance of all components of a release",
        "Bill of materials; provenance in the form of SLSA for data and training.",
        ("model/bom.cdx.json", "statements/"),
        "The builds of the third-party wheels.",
    ),
    Row(
        "PW.3.1",
        "Look for poisoning, bias and tampering in data before use",
        "A contract on every row and a screen for poisoning, with counts; tampering shows in digests.",
        ("facts/quarantine.json", "facts/screen.json"),
        "Bias: metrics by slice are in the judge's statement, and no verdict on fairness is given.",
    ),
    Row(
        "PW.3.2",
        "Provenance of data, and which has none",
        "Each source as it was taken in, and when.",
        ("facts/sources.json",),
        "Where it was before; data without known provenance looks like any other.",
    ),
    Row(
        "PW.3.3",
        "Adversarial samples in training and testing",
        "Attacks on held-out rows, where the policy asks.",
        ("facts/robustness.json",),
        "Adversarial samples in training.",
    ),
    Row(
        "PW.4.4",
        "Acquired components are checked",
        "Wheels by hash, scanned for known vulnerabilities where the policy asks; imported models by content.",
        ("model/requirements.lock", "statements/"),
        "A review of their code.",
    ),
    Row(
        "PW.8.2",
        "Testing the executable",
        "Judged on held-out rows in a jail of its own, and compared with the live model by the policy.",
        ("facts/judge.json",),
        "Red teaming by people.",
    ),
    Row(
        "RV.1.1",
        "Gather what is known of vulnerabilities in use",
        "What the monitors saw and which alarms were answered.",
        ("report/monitoring.json", "facts/alarms.json", "facts/acknowledgements.json"),
        "Reports from outside.",
    ),
)
