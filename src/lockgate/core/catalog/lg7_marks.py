"""LG780 to LG782: marks on rows, in the log."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG780",
        "a validate statement rests on a mark that does not hold for it, or passes over one that does",
        "Rows are left out, or no longer doubted, on an approver's word alone. The mark that it names is not in the "
        "log before it, is on rows of another model, or had been taken back: then it was nobody's word. Nor is a mark "
        "passed over that was in force.",
        "Validate anew. If it happens again, somebody else than Lockgate signs with the validator's key: revoke it.",
    ),
    Finding(
        "LG781",
        "rows were quarantined as marked bad, and nobody marked them",
        "Whoever holds the validator's key could drop the rows that he does not like. So rows are counted as marked "
        "bad only where a mark that says so is named, and not more of them than were quarantined.",
        "Validate anew. If it happens again, somebody else than Lockgate signs with the validator's key: revoke it.",
    ),
    Finding(
        "LG782",
        "a mark is about rows that this log does not know",
        "A mark is on rows that validate judged before it, for the same model. About others, no run could apply it as "
        "it was meant.",
        "Mark the rows anew, with `lockgate review mark`, on what validate says now.",
    ),
)
