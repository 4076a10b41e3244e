"""LG629: rows of a file do not come as the reference's did."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG629",
        "drift alarm: rows do not come as the reference's did",
        "The evidence against `nothing changed` is past the threshold. Without a change that has at most the stated "
        "chance, for all columns together and however long the file is.",
        "Look at the columns that are named: reference and current side by side, since which row, and what may have "
        "happened. A change that is wanted makes a new reference; small ones can be allowed by `--band`.",
    ),
)
