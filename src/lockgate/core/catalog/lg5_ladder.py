"""LG543 to LG549: the steps by which a model comes to people."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG543",
        "the rung has not seen enough to move on",
        "A rung's least rows or labels are not there yet, or a rung would be left out.",
        "Wait; `lockgate status` says how long it takes. Or `lockgate deploy REF --to RUNG --reason ...`.",
    ),
    Finding(
        "LG544",
        "a check alarms",
        "The log of predictions says that the new model is worse than the one that is live, at the stated error rate.",
        "`lockgate rollback ENV` takes it off the ladder. To move it all the same: `--to RUNG --reason ...`.",
    ),
    Finding(
        "LG545",
        "the proposal is out of date",
        "The controller proposed a move on a log that has grown since, or one that the guard's key may not make.",
        "Nothing: it looks again. Where it comes again and again, `lockgate status` and the supervisor's log.",
    ),
    Finding(
        "LG546",
        "another model is on the ladder",
        "One model at a time is compared with what is live.",
        "Wait, take it off with `lockgate rollback ENV`, or put yours in its place with `--replace`.",
    ),
    Finding(
        "LG547",
        "the policy declares no such rung",
        "A model's rung and its share are those of the ladder in the policy under which it was moved.",
        "Deploy it anew; `lockgate policy show` has the rungs.",
    ),
    Finding(
        "LG548",
        "the policy allows no ladder authorisation",
        'Unattended climbing is for environments whose policy says `climb = "authorised"`, and for so long as it says.',
        "Move it by hand with `lockgate deploy REF --env ENV`, or change the policy and sign it.",
    ),
    Finding(
        "LG549",
        "the floor cannot rise from a rung",
        "What is live must stay at or above the floor, or the new model could not be taken off the ladder.",
        "Raise it when the model is live: `lockgate deploy REF --env ENV --raise-floor`.",
    ),
)
