"""LG750 to LG799: the event log read as evidence."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG727",
        "This receipt's record is not sealed yet",
        "A proof leads to a signed checkpoint; the sealer signs one within a second or two while it runs.",
        "Ask again in a moment; if the gateway was stopped hard, `lockgate serve` seals what is left.",
    ),
    Finding(
        "LG728",
        "That is no receipt, or no record",
        "A receipt is the token that came with a prediction: lgr1.<gateway>.<number>.<salt>.",
        "Copy the receipt whole; give --input the record as JSON, exactly as it was sent.",
    ),
    Finding(
        "LG729",
        "The log's record commits to something else",
        "What was asked or answered is not what the file says; a prediction cannot be claimed that was never made.",
        "Give the record exactly as it was sent; if it was, keep receipt and file: they are evidence.",
    ),
    Finding(
        "LG750",
        "The event log was not read yet",
        "Nothing is believed before the checkpoint over it was verified.",
        "Run `lockgate log verify`.",
    ),
    Finding(
        "LG751",
        "A statement that another one rests on is not in the event log",
        "Whoever can leave a statement out can hide what it said: a refusal, a judging, a revocation.",
        "Run `lockgate log verify`; restore .lockgate from where you trust it.",
    ),
    Finding(
        "LG752",
        "The event log was opened for reading only",
        "Whoever reads holds no key, and so cannot append.",
        "Run the command that changes something with the keys of its role at hand.",
    ),
    Finding(
        "LG753",
        "This very statement is in the event log already",
        "A statement that is logged twice could be replayed: an old approval for a new decision.",
        "Nothing is needed; `lockgate log show` lists it.",
    ),
    Finding(
        "LG754",
        "A log entry describes another statement than the one it names",
        "Lists and searches read the entries; they must not say one thing where the signed statement says another.",
        "Run `lockgate log verify`; restore .lockgate from where you trust it.",
    ),
    Finding(
        "LG755",
        "There is no event log here",
        "Without a log nothing can be proved, so nothing is believed.",
        "Run `lockgate init` for a new project; with somebody else's, ask for its .lockgate folder.",
    ),
    Finding(
        "LG756",
        "The first entry of the event log is not the roles file",
        "Every signature is judged by the roles file; what stands before it could be signed by anybody.",
        "Restore .lockgate from where you trust it.",
    ),
    Finding(
        "LG757",
        "A log entry is not one that Lockgate writes",
        "What cannot be read exactly is not believed.",
        "Run `lockgate log verify`; restore .lockgate from where you trust it.",
    ),
)
