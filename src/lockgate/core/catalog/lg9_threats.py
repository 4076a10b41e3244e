"""LG9010 to LG9019: the living threat model."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG9010",
        "the catalogue of threats is malformed",
        "The catalogue is part of Lockgate. What cannot be read says nothing of any threat, so no status is computed.",
        "Install Lockgate again; if it stays, report it.",
    ),
    Finding(
        "LG9011",
        "there is no such threat",
        "Threats have permanent ids, LT01 and on. A word about another one would count for nothing.",
        "Run `lockgate threats` for the list.",
    ),
    Finding(
        "LG9012",
        "a threat is not held",
        "BROKEN: an attack of the kind was replayed and got through, the policy switched off a control that stands "
        "against it, or a signed statement shows that the control was weaker than the policy demands.",
        "Run what stands beside the line. Where a person takes the risk for a while: `lockgate waive LT14 --env prod "
        "--reason ... --expires 7d`.",
    ),
    Finding(
        "LG9013",
        "the file for another tool cannot be written",
        "SARIF, an ATLAS Navigator layer and a Threat Dragon model are copies of the table for other tools. They are "
        "no evidence.",
        "Name a file in a folder that you may write to.",
    ),
)
