"""EU AI Act, Articles 10 to 15 and 19: our summary of what they ask, which is no legal advice. Pure data."""

from __future__ import annotations

from typing import Final

from lockgate.export.evidence.mappings_row import Row

ACT: Final[tuple[Row, ...]] = (
    Row(
        "Art. 10",
        "Data and data governance: quality criteria, origin, preparation, examination for bias, gaps",
        "Sources by digest; rows taken in, refused and why; what the screen for poisoning found; how rows were split.",
        ("facts/sources.json", "facts/quarantine.json", "facts/quarantine-reasons.json", "facts/screen.json"),
        "Whether the data is relevant and representative, why it was collected, and any examination for bias beyond "
        "metrics by slice.",
    ),
    Row(
        "Art. 11",
        "Technical documentation, drawn up before the system is placed on the market and kept up to date",
        "Material for it, made from signed statements: bill of materials, card, policy, metrics.",
        ("model/bom.cdx.json", "model/README.md", "policy.toml", "facts/judge.json"),
        "The documentation of Annex IV itself: purpose, design choices, risk management and more, which people write.",
    ),
    Row(
        "Art. 12",
        "Record-keeping: the system can record events automatically over its lifetime",
        "Answers leave records, decisions statements, in signed logs; the records' form is here. That a change of "
        "them shows to whoever saw an earlier state is more than the article asks.",
        ("log/events/leaves", "log/predictions/checkpoint", "records/", "proofs/predictions/"),
        "Whether these events are the ones that matter for the system's purpose; the special list for remote biometric "
        "identification; input data itself, of which the log holds commitments. The policy may let answers go "
        "unrecorded in an outage, and a gateway that lies is not excluded.",
    ),
    Row(
        "Art. 13",
        "Transparency: instructions for use, with capabilities, limits and performance",
        "Performance with intervals, by slice in the statement; what attacks achieve, where they were tried.",
        ("facts/judge.json", "facts/robustness.json", "model/README.md"),
        "Instructions for use. The card quotes its makers, and nobody checked their words.",
    ),
    Row(
        "Art. 14",
        "Human oversight: persons can understand, intervene and stop",
        "Which persons approved, waived, answered alarms and took models back, if any did; stopping is one command.",
        ("facts/approvals.json", "facts/waivers.json", "facts/acknowledgements.json", "facts/revocations.json"),
        "Oversight of single decisions while the system is used, and whether these persons were competent.",
    ),
    Row(
        "Art. 15",
        "Accuracy, robustness and cybersecurity, declared and kept over the lifetime",
        "Measured accuracy, and robustness where attacks were tried; isolation, access control; monitoring for drift.",
        ("facts/judge.json", "facts/robustness.json", "facts/training.json", "access-matrix.json",
         "report/monitoring.json"),
        "Whether the level is appropriate; resilience of the organisation; feedback loops; attacks nobody thought of.",
    ),
    Row(
        "Art. 19",
        "Automatically generated logs are kept by the provider, for at least six months, as far as they are under "
        "its control",
        "How long records and payloads are kept by the signed policy; Lockgate removes no record of a log by itself.",
        ("facts/retention.json", "policy.toml"),
        "That the disk was kept: a log that was deleted whole leaves only the checkpoints that others have seen. Other "
        "law, above all on personal data, may ask for more or for less.",
    ),
)  # fmt: skip
