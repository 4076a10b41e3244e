"""LG768 to LG776: the evidence of the ladder, and who was answered by which model."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG768",
        "A move on the ladder tells other numbers than the log has",
        "The numbers of a move are computed from the first entries of the predictions log, whose size and root the "
        "statement names. Computed again they must be the same: otherwise the move was not made on this evidence, or "
        "the log is not the one that it was made on.",
        "Keep both logs as they are. Take the model off the ladder with `lockgate rollback`, and find out who held the "
        "key that signed the move.",
    ),
    Finding(
        "LG769",
        "A model climbed without the evidence that its rung asks for",
        "The guard's key moves a model up only with numbers: as many rows and labels as the policy asks for on the "
        "rung that it leaves, and no check that alarms.",
        "Take the model off the ladder with `lockgate rollback`, and rotate the guard's key.",
    ),
    Finding(
        "LG770",
        "A gateway tells other numbers than it answered",
        "A gateway's counts of a candidate are cross-checked with its own records of answers: rows of the candidate, "
        "rows of the live model, each between two of its records of counts. What does not add up was changed, or left "
        "out, by the gateway that wrote it.",
        "Stop that gateway and look at its machine; no move that counted its records is worth anything. Take the "
        "candidate off the ladder with `lockgate rollback`.",
    ),
    Finding(
        "LG771",
        "A model was taken off the ladder, and the log gives no alarm for it",
        "Going down is always allowed: a candidate may also go because its worker died, or a person asked for it. "
        "The statement's reason says why. Where it tells numbers that the log does not give, the controller invented "
        "them: it has no key, can have a model taken off, and nothing more. So this is told, and refuses nothing.",
        "Read the reason; `lockgate deploy` puts the model on the ladder again. Where the numbers are false, look at "
        "the machine that serves.",
    ),
    Finding(
        "LG772",
        "A model climbed on numbers of an earlier state of the log",
        "The numbers are the log's own, of so many entries as the move names. But records of this ladder that say that "
        "they were written well before the move stand after those, and with them a check alarms. The sealer was "
        "away for a while, a gateway's clock is wrong, or whoever holds the guard's key left them out.",
        "Compare with `lockgate status` what the checks say now. If nobody knows why, rotate the guard's key.",
    ),
    Finding(
        "LG775",
        "Only this machine's own key can tell which client a name is",
        "Records hold a keyed pseudonym instead of a client's name. The key is with whoever serves.",
        "Run the command as the user who serves, or give the pseudonym itself: 16 hex digits.",
    ),
    Finding(
        "LG776",
        "Nobody was served at that time as far as this log goes",
        "The time lies in the future, or before the first entry of the event log.",
        "Give a time within the log: `lockgate log show` lists its entries.",
    ),
)
