"""LG332 to LG336: rows on both sides of the split, and the control without the doubtful rows."""

from typing import Final

from lockgate.core.catalog import Finding

UNMADE: Final = "LG333"

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG332",
        "held-out rows are among the training rows",
        "But for time, group and label they are the same. A model that has learned them by heart looks good on them "
        "and nowhere else. Rows that come back by themselves, as in a timetable, are not counted as copies.",
        "Take the copies out, or set `[data] group` to what copies have in common. `leak` under `screen` in "
        "policy.toml says how much this weighs.",
    ),
    Finding(
        "LG333",
        "there is no control without the doubtful rows",
        "The same code was to train once more without the rows that the screen doubts, and that failed, or its model "
        "could not be compared. So nobody knows what these rows do to the candidate.",
        "Look at the rows: `lockgate review --screen`. Mark the right ones as good, the others as bad, and run again.",
    ),
    Finding(
        "LG334",
        "the doubtful rows steer the model",
        "A model of the same code that never saw them answers such rows differently, and more so than it does others. "
        "A planted trigger looks like this; so do many wrong labels.",
        "Look at the rows: `lockgate review --screen`, then mark them. `control` in policy.toml bounds the effect.",
    ),
    Finding(
        "LG335",
        "the screen's lines are not about the accepted rows",
        "screen.parquet says of each accepted row what the screen found. This one has other rows, or doubts another "
        "number of them than its statement says.",
        "Run `lockgate validate` again.",
    ),
    Finding(
        "LG336",
        "the screen took the label for another kind than the judge",
        "A whole number with at most twenty values is a class, one with more is a quantity. A few rows with labels "
        "that no other row has turn one into the other; rules that look for wrong classes then do not look.",
        "Look which labels there are; let the contract say which ones are allowed.",
    ),
)
