"""LG456, LG457: what a policy asks of the control without the doubtful rows."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG456",
        "the doubtful rows do more to the model than the policy allows, or nobody knows what they do",
        "The policy asks for a model of the same code that never saw the rows that the screen doubts. There is none, "
        "it was made for other doubts, it is better by too much, or it answers too many of these rows differently.",
        "Look at the rows: `lockgate review --screen`, mark them, and run again; or change `control` in policy.toml.",
    ),
    Finding(
        "LG457",
        "what the doubtful rows do is within the policy",
        "There are rows that the screen doubts and that nobody has marked; a control was trained without them, and "
        "differs by no more than is allowed.",
        "Nothing need be done. `lockgate review --screen` lists the rows.",
    ),
)
