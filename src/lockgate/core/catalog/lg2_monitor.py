"""LG228 to LG230: what will be watched of what a model is asked."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG228",
        "what the model will be asked cannot be watched for drift",
        "Later rows are compared with those that were accepted. Of too few, or of rows that all depend on their "
        "neighbours, nothing can be said with a stated error; so there is no monitor.json, and no alarm.",
        "Give more rows. Where hour, weekday or site explain why neighbours are alike, set `[monitor] strata`, `time` "
        "and `site`. A model can be registered and served without.",
    ),
    Finding(
        "LG229",
        "`[monitor]` names what cannot be watched, or cannot tell rows apart",
        "A field that no model is given is not in later rows; a time must be a moment, and the values of a site would "
        "stand in the plan, where those of a sensitive field may not.",
        "Correct `[monitor] time`, `site` or `exclude` in lockgate.toml.",
    ),
    Finding(
        "LG230",
        "neighbouring rows depend on each other, and are thinned",
        "The test that compares later rows takes it that their order says nothing. A stream in which it does counts "
        "one of so many rows: that keeps the stated error, and makes its alarms later. One that depends at any "
        "distance is not watched.",
        "Nothing must be done. `[monitor] exclude` leaves out what goes on or comes in seasons; where hour, weekday or "
        "site explain it, `strata` compares like with like; `stride` sets the distance.",
    ),
)
