"""LG9001 to LG9009: drills, attacks replayed against a twin of one's own project."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG9001",
        "an honest step of a drill failed",
        "A drill does first what an honest user does: it founds a twin of the project, runs and deploys it, and asks "
        "its gateway. When that fails, no attack was tried, and nothing is known of the control.",
        "What the command said stands beside. Run it in the project itself; then `lockgate doctor`.",
    ),
    Finding(
        "LG9002",
        "an attack that was replayed was not stopped",
        "The drill played the attack against a twin of the project, and the finding that must be told was not told: "
        "the control is off, or too loose in the environment that was drilled, or has a fault. A drill that could "
        "not be played to its end counts too, for it showed nothing.",
        "Run the one drill again with `lockgate drill ID`; then tighten the policy as `lockgate threats` says.",
    ),
    Finding(
        "LG9003",
        "there are no rows for a twin of this project",
        "A twin gets the project's own files where they are small. Rows of stores and databases, and of larger files, "
        "are taken from the snapshot that the newest ingest signed, so that no drill asks somebody's database.",
        "Run `lockgate ingest` on this machine, then the drill again.",
    ),
    Finding(
        "LG9004",
        "there is no room for a twin of the project",
        "Each drill plays in a copy of a twin of the project. Copies are gone afterwards, and need room until then.",
        "Free a gigabyte, or name a larger disk with TMPDIR.",
    ),
    Finding(
        "LG9005",
        "there is no such drill",
        "Drills have permanent names; a mistyped one must not look as if it had been played.",
        "See `lockgate drill --list`.",
    ),
)
