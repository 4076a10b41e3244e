"""LG400, LG408, LG409: robustness beside the model that is live."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG400",
        "less robust than the live model",
        "The same attacks on the same rows flip more of them, or move them further, than of the model that is live, by "
        "more than the policy allows and more than chance.",
        "Train for it, or change `max_robustness_drop` in policy.toml.",
    ),
    Finding(
        "LG408",
        "nobody knows whether it is less robust than the live model",
        "The policy asks for a comparison. No attack was tried, another model was live then, or the two cannot be "
        "compared.",
        "Run `lockgate train` with `[robustness]` in lockgate.toml, in the environment that the model is for.",
    ),
    Finding(
        "LG409",
        "the live model was not attacked beside the candidate",
        "It takes fields that the rows do not have, has features of its own, or predicts something else. So no drop "
        "is stated, and a policy with `max_robustness_drop` refuses.",
        "Where the fields were changed on purpose: let a person waive it, once.",
    ),
)
