"""LG550 to LG554: the checks of a ladder."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG550",
        "a gateway counted what cannot be",
        "A record of what a gateway observed has more errors than requests, or counts of no known name. It counts for"
        " nothing: neither for the new model nor against it.",
        "`lockgate log show --model REF` lists its records. The gateway is of another version, or not to be trusted.",
    ),
    Finding(
        "LG551",
        "the model answers another kind of question than what is live",
        "On a rung both models are asked the same rows, and what they say is compared. Regression and classes, or two"
        " and many classes, have nothing to compare.",
        "`lockgate deploy REF --env ENV --to live --reason ...` makes it live at once, by a person's word.",
    ),
    Finding(
        "LG553",
        "a new model was taken off the ladder by a check",
        "The log of predictions says that it is worse than the one that is live. Of models that are no worse, the"
        " policy's `false_stops` is the most that this happens to, where what happens in one moment happens to both"
        " alike.",
        "`lockgate status` shows the check and its figures. Mend the model and deploy the next version. Where nothing"
        " was moved on the alarm, the line says what keeps it: end that, or `lockgate rollback ENV`.",
    ),
    Finding(
        "LG554",
        "the longest wait on a rung is over",
        "There was not enough traffic, or there were not enough labels, for the checks to say anything in time.",
        "`lockgate deploy REF --to RUNG --reason ...` moves it; or ask for less in the policy.",
    ),
)
