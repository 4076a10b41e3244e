"""LG555 to LG557: approvals that count as given, and deploying on a schedule."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG555",
        "approved automatically",
        "The policy lets approvals count as given for a model that the judge shows to be worse than the live one by no "
        "more than it states. Every loader compares again, from the log alone.",
        "Nothing. A person's approval counts as ever; take `automatic` out of policy.toml to ask for it each time.",
    ),
    Finding(
        "LG556",
        "a schedule that does not say clearly when to run",
        "A timer of systemd and the cron of a workflow read many things that look right and never come, or come each "
        "minute; and what is written there runs unattended.",
        "Write --every hourly, daily, weekly or monthly, or a time as the message says.",
    ),
    Finding(
        "LG557",
        "what a workflow cannot say safely",
        "What comes from the project is put into YAML and into a shell that holds keys: only plain signs get there.",
        "Rename the environment, or the project, to small letters, digits and hyphens, and export again.",
    ),
)
