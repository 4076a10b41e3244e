"""LG455: what a policy asks of the poisoning screen."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG455",
        "an enforced rule of the poisoning screen did not look, or found rows that nobody marked good",
        "What the screen finds may be honest, and only a person can say so. Where a rule warns, this is told; where it "
        "is enforced, no model goes on until somebody has looked. Nor does one, in any environment, whose rows "
        "somebody marked bad while the contract had other fields: they are back (LG243).",
        "`lockgate review --screen`, then mark the rows good or bad and run again. A rule that could not look on these "
        "rows can be set to warn or off: policy.toml, `[environment.NAME.screen]`.",
    ),
)
