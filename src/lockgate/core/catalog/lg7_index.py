"""LG7050 to LG7052: questions to the log, and the index that answers them."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG7050",
        "The index says of a log entry what the log does not have there",
        "The index only says where to look. What is told was read back from the verified log, and another record lies "
        "there: the index was changed, or made by a faulty version.",
        "Make it anew from the log with `lockgate log reindex`. The log itself is not in doubt: `lockgate log verify` "
        "reads all of it.",
    ),
    Finding(
        "LG7051",
        "The index of the predictions is not what the log has",
        "A segment of the index is missing, was changed, is of another log, or says something else than the entries "
        "that it is of. Records that are told are read back from the log; counts and the word that there is nothing "
        "rest on the index.",
        "Run `lockgate log reindex`. Where it comes again, somebody else writes in this user's folders.",
    ),
    Finding(
        "LG7052",
        "No dataset of that name is in the event log",
        "A dataset is named by the digest of its manifest, a unique beginning of it, or the log entry of its ingest "
        "statement.",
        "List the statements with `lockgate log show` and take an ingest one.",
    ),
)
