"""LG329, LG331: what will be watched of what a model answers."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG329",
        "what the model answers cannot be watched",
        "Later answers are compared with those on the held-out rows, which are too few here; so there is no "
        "monitor-outputs.json. What the model is asked may still be watched.",
        "Give more rows, or hold out a larger share: `[train] holdout`. A model can be registered and served without.",
    ),
    Finding(
        "LG331",
        "the model is not given the field that tells rows apart",
        "`[monitor] strata` compares rows with those of the same hour, weekday or site. A gateway sees only the fields "
        "that the model uses; if the one that says hour or site is none of them, no row can be put in its place.",
        "Train on that field too, or change `[monitor] strata`, `time` and `site`.",
    ),
)
