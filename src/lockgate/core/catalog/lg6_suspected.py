"""LG6120: an operator's word on a suspicion."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG6120",
        "a client is cleared for a reason",
        "Whoever reads later why a suspected client went on needs to know what was found out, and by whom.",
        "Say in one line what you found: --reason. It is kept in the registry of clients, with the time and the user.",
    ),
)
