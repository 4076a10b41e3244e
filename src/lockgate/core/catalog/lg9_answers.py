"""LG980 to LG982: answering an alarm."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG980",
        "There is no such alarm to answer",
        "An answer names one alarm, by the digest of its statement, so that nobody answers for what came later.",
        "`lockgate monitor` lists the alarms and their digests; `latest` is the newest that nobody answered.",
    ),
    Finding(
        "LG981",
        "Several alarms begin with these digits",
        "Which one was meant is never guessed: the answer is signed, and stays.",
        "Give more digits of the digest: `lockgate monitor` shows them.",
    ),
    Finding(
        "LG982",
        "Too few rows for a new reference",
        "What is accepted becomes what later rows are compared with, and its own uncertainty is counted in. Of fewer "
        "than 1,000 rows it is so large that the next change is seen late or not at all.",
        "Wait until enough rows came, or reach further back with `--since`; `lockgate monitor` shows how many there "
        "are. To say only that the alarm was seen: `lockgate monitor ack`.",
    ),
)
