"""LG847: what a watcher asks for."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG847",
        "The watcher asked for an alarm that the guard does not sign",
        "The watcher has no key because it may be taken over. What it asks for is counted again on the log as it is, "
        "and signed where that bears it out, at most once an hour in a life of the test, and each stream once in it.",
        "Once is a race with what came in meanwhile. Again and again it is a watcher that does not do what it should: "
        "look at what runs on this machine.",
    ),
)
