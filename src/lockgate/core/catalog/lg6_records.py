"""Records of predictions and of labels, and payloads: LG662 to LG671."""

from __future__ import annotations

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG662",
        "That is no receipt of a prediction (400)",
        "A label is of one prediction, and the receipt is what names it: its salt must be the one that was given out. "
        "Nothing of this request was recorded.",
        "Send the receipt whole, as it came with the answer.",
    ),
    Finding(
        "LG663",
        "That prediction has a label already (409)",
        "One label counts for each prediction, the first one in the log. Nothing of this request was recorded.",
        "Leave out the receipts that were labelled before.",
    ),
    Finding(
        "LG664",
        "Records wait in memory",
        "The spool cannot be written. Where the policy says `written`, answers go on while memory is given; where it "
        "says `synced` or `sealed`, nothing is answered before its record is where it should be.",
        "Free disk space for `.lockgate/state/spool`, or mend the disk; what waits is written then, in order.",
    ),
    Finding(
        "LG665",
        "Records are written again",
        "The disk is back, and what waited in memory is on it. Answers that went without a record are counted in a "
        "record of their own.",
        "Nothing to do; `lockgate log verify` shows that no number is missing.",
    ),
    Finding(
        "LG666",
        "That is no label (400)",
        "A label is one text of at most 256 characters, a finite number, or true or false.",
        "Send the value that the model predicts: a class, or a number.",
    ),
    Finding(
        "LG667",
        "No label in the file is of a prediction in the log",
        "Ids are matched with the request ids that clients sent, receipts with records; only what is sealed is found.",
        "Look at the column's name and at the ids; `lockgate feedback --help` says how both are given.",
    ),
    Finding(
        "LG668",
        "The file of labels cannot be read",
        "It is CSV with a line of names, or JSON Lines, with a column for the id or receipt and one for the label.",
        "Mend the line that is named, or name the columns.",
    ),
    Finding(
        "LG669",
        "The key of kept payloads cannot be read",
        "Payloads are sealed to `payload.json` in the project's key folder. Without it nobody can read one.",
        "Put the file back from where it is kept safe. `lockgate serve` makes a new one where there is none.",
    ),
    Finding(
        "LG670",
        "No payload is kept of that",
        "The policy keeps none, its days are over, or the key that opens it was destroyed.",
        "See `payload_days` of the policy. What was destroyed cannot be had back: that is what it is for.",
    ),
    Finding(
        "LG671",
        "A kept payload is not what was recorded",
        "It does not open with the project's key, or the record in the log commits to something else.",
        "Somebody changed the files under `.lockgate/state/payloads`, or put another project's key here.",
    ),
)
