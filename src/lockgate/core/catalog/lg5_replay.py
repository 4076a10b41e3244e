"""LG560 to LG564: rows asked again in place of traffic."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG560",
        "this ladder has had its replay",
        "Rows asked a second time get the same answers: they would be counted as evidence that is not there.",
        "Wait for traffic, or move the model with a reason: `lockgate deploy REF --env ENV --to RUNG --reason WHY`.",
    ),
    Finding(
        "LG561",
        "these two models cannot be asked the same rows",
        "A row counts where each model is asked what it would be asked in traffic: what its own contract accepts, "
        "about the same label.",
        "Give a file of rows as clients send them: each contract judges it. Models for other labels are not compared.",
    ),
    Finding(
        "LG562",
        "only a candidate without traffic is asked rows again",
        "A replay stands in for shadow traffic. On a rung with a share of the traffic what callers get is what counts.",
        "`lockgate status` shows who is on which rung; `lockgate deploy REF --env ENV` puts a model on the first.",
    ),
    Finding(
        "LG563",
        "the policy wants traffic, and no replay",
        "Rows from before say nothing about what is asked today; where there is traffic enough it is the better judge.",
        "Set `replay = true` in the ladder of the environment and sign the policy; then deploy the candidate anew.",
    ),
    Finding(
        "LG564",
        "there are no rows to ask",
        "Rows that a model was trained on flatter it, and a row that comes twice is one row. None was left.",
        "Give a file of rows that came after training: `lockgate deploy REF --env ENV --replay FILE`.",
    ),
)
