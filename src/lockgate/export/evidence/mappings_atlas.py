"""MITRE ATLAS mitigations, all of version 5.6.0, in its order. Pure data.

Ids and names: MITRE ATLAS data 5.6.0, Apache-2.0.
"""

from __future__ import annotations

from typing import Final

from lockgate.export.evidence.mappings_row import Row

_AGENTS: Final = "No agents run here."
_PEOPLE: Final = "It is about people or what they publish; no tool shows it."

ATLAS: Final[tuple[Row, ...]] = (
    Row("AML.M0000", "Limit Public Release of Information", "", (), _PEOPLE),
    Row(
        "AML.M0001",
        "Limit Model Artifact Release",
        "The archive leaves weights and code at home unless asked; the registry is written once and read by digest.",
        ("index.json", "model/manifest.json"),
        "Who can read the registry's disk is the operating system's to say; files are not encrypted at rest.",
    ),
    Row(
        "AML.M0002",
        "Passive AI Output Obfuscation",
        "The signed policy says whether scores are given, and how coarsely.",
        ("policy.toml",),
        "That a given gateway applied it to each answer is not shown here.",
    ),
    Row(
        "AML.M0003",
        "Model Hardening",
        "Where the policy asks for it: how far attacks on its inputs move the model.",
        ("facts/robustness.json",),
        "Nothing hardens the model: it is measured, and refused below a floor.",
    ),
    Row(
        "AML.M0004",
        "Restrict Number of AI Model Queries",
        "Rates in rows for each client; a call above its rate was tried at the export, and refused.",
        ("access-matrix.json", "policy.toml"),
        "The limits of each real client are not in the archive.",
    ),
    Row(
        "AML.M0005",
        "Control Access to AI Models and Data at Rest",
        "Only statements by the right role make a model count; a changed byte is refused when it is loaded.",
        ("facts/roles.json", "access-matrix.json", "model/model.sig"),
        "Integrity, not secrecy: reading is left to the operating system.",
    ),
    Row("AML.M0006", "Use Ensemble Methods", "", (), "Left to whoever trains."),
    Row(
        "AML.M0007",
        "Sanitize Training Data",
        "Rows that broke the contract were set aside and counted; the rest was screened for signs of poisoning.",
        ("facts/quarantine.json", "facts/quarantine-reasons.json", "facts/screen.json", "facts/marks.json"),
        "Poison that keeps the contract and looks like the rest is not found: the screen is statistics.",
    ),
    Row(
        "AML.M0008",
        "Validate AI Model",
        "Judged on rows that training could not open, with intervals; robustness and backdoor control where asked.",
        ("facts/judge.json", "facts/robustness.json"),
        "The held-out rows come from the same source: they show nothing about other populations.",
    ),
    Row("AML.M0009", "Use Multi-Modal Sensors", "", (), "About sensors; tables come here."),
    Row("AML.M0010", "Input Restoration", "", (), "Inputs are checked and refused, never restored."),
    Row(
        "AML.M0011",
        "Restrict Library Loading",
        "Training and serving load nothing but hash-locked wheels, in a jail without a network.",
        ("model/requirements.lock", "facts/training.json", "model/bom.cdx.json"),
        "A locked wheel can be malicious all the same.",
    ),
    Row(
        "AML.M0012",
        "Encrypt Sensitive Information",
        "Kept payloads are sealed under keys per subject, which can be destroyed.",
        ("facts/retention.json", "facts/erasures.json"),
        "Training data and models are not encrypted.",
    ),
    Row(
        "AML.M0013",
        "Code Signing",
        "The model with its contract and training code is one signed closure.",
        ("model/model.sig", "model/manifest.json", "statements/"),
        "The third-party wheels are pinned by hash, not signed.",
    ),
    Row(
        "AML.M0014",
        "Verify AI Artifacts",
        "The exporter compared every file with what was signed; verify.py does it again for each that is here.",
        ("verify.py", "index.json", "model/model.sig"),
        "Weights and code that are not here are known by digest only. Whoever holds enough keys can sign a bad model.",
    ),
    Row(
        "AML.M0015",
        "Adversarial Input Detection",
        "The contract is checked on every request; the detectors that the signed policy asks for watch clients.",
        ("policy.toml", "report/monitoring.json"),
        "Suspicions name clients and are not in the archive; evasion by a single input is not detected.",
    ),
    Row(
        "AML.M0016",
        "Vulnerability Scanning",
        "Wheels are compared with a database of known vulnerabilities, where the policy asks; model files are scanned.",
        ("statements/", "policy.toml"),
        "Only what was known on that day.",
    ),
    Row(
        "AML.M0017",
        "AI Model Distribution Methods",
        "Where it was put into service, by whom, on whose approval, and what was taken back.",
        ("facts/deployments.json", "facts/approvals.json", "facts/revocations.json"),
        "Copies that left the project are out of sight.",
    ),
    Row("AML.M0018", "User Training", "", (), _PEOPLE),
    Row(
        "AML.M0019",
        "Control Access to AI Models and Data in Production",
        "Calls without a key, with a revoked one, for another model were tried at the export, and refused.",
        ("access-matrix.json",),
        "Tried against the gateway's own code, not over the network of production.",
    ),
    Row("AML.M0020", "Generative AI Guardrails", "", (), "No generative models run here."),
    Row("AML.M0021", "Generative AI Guidelines", "", (), "No generative models run here."),
    Row("AML.M0022", "Generative AI Model Alignment", "", (), "No generative models run here."),
    Row(
        "AML.M0023",
        "AI Bill of Materials",
        "CycloneDX 1.6 with data, code, wheels, licences, metrics and hashes, inside of what is signed.",
        ("model/bom.cdx.json",),
        "Licences are as declared.",
    ),
    Row(
        "AML.M0024",
        "AI Telemetry Logging",
        "Each answer leaves a record with commitments in an append-only log; some are here, with proofs.",
        ("records/", "proofs/predictions/", "log/predictions/checkpoint"),
        "The policy may let answers go unrecorded in an outage, which is counted; a gateway that lies is not excluded.",
    ),
    Row(
        "AML.M0025",
        "Maintain AI Dataset Provenance",
        "Each source by digest, rows and time; what was accepted, and on which side of the split it is, by digest.",
        ("facts/sources.json", "facts/quarantine.json", "statements/"),
        "Where the data was before it was taken in is not known.",
    ),
    Row("AML.M0026", "Privileged AI Agent Permissions Configuration", "", (), _AGENTS),
    Row("AML.M0027", "Single-User AI Agent Permissions Configuration", "", (), _AGENTS),
    Row("AML.M0028", "AI Agent Tools Permissions Configuration", "", (), _AGENTS),
    Row("AML.M0029", "Human In-the-Loop for AI Agent Actions", "", (), _AGENTS),
    Row("AML.M0030", "Restrict AI Agent Tool Invocation on Untrusted Data", "", (), _AGENTS),
    Row("AML.M0031", "Memory Hardening", "", (), _AGENTS),
    Row("AML.M0032", "Segmentation of AI Agent Components", "", (), _AGENTS),
    Row("AML.M0033", "Input and Output Validation for AI Agent Components", "", (), _AGENTS),
    Row("AML.M0034", "Deepfake Detection", "", (), "No media are judged here."),
)
