"""LG438 to LG459: what a policy asks of a model's statements."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG445",
        "somebody else signed the statement",
        "The policy names the persons or services whose word it takes for this claim; a role may have more holders.",
        "Let one of those run the stage, or change `signers` in policy.toml.",
    ),
    Finding(
        "LG446",
        "the poisoning screen found too much, or did not run",
        "Rows that contradict each other or carry a trigger teach a model what their writer wants.",
        "Look at the screen's findings and take the rows out, or raise `max_screen_findings`.",
    ),
    Finding(
        "LG447",
        "the poisoning screen flagged too many rows, or did not run",
        "A few odd rows are noise; many are somebody's work or a broken source.",
        "Look at the flagged rows, take them or their source out, or raise `max_flagged_share`.",
    ),
    Finding(
        "LG448",
        "a metric is out of bounds in a slice",
        "A model that is good on the whole can be useless for a part of the people it is about.",
        "Gather more rows of that slice or train for it, or change the floor under `slices` in policy.toml.",
    ),
    Finding(
        "LG449",
        "a robustness fact is out of bounds, nobody measured it, or too little was tried",
        "A model whose answers tip over with slightly other inputs can be steered by whoever writes the inputs.",
        "Train for it, or change the bounds under `robustness` in policy.toml.",
    ),
    Finding(
        "LG450",
        "worse than the live model",
        "A new version that is worse than what it replaces, or that cannot be compared with it, is no progress.",
        "Train a better model, or change `parity` in policy.toml.",
    ),
    Finding(
        "LG451",
        "compared with the live model on other rows",
        "Each was judged on its own held-out rows: a difference may be that of the rows.",
        "Nothing need be done. `same_rows = true` under `parity` demands the same rows.",
    ),
    Finding(
        "LG452",
        "a package under a licence that is not acceptable",
        "Who serves the model is bound by the licences of what it was made with and runs in.",
        "Take another package, or change `licences` in policy.toml.",
    ),
    Finding(
        "LG453",
        "packages of whose licence nobody knows",
        "What declares no licence that can be read may be under any.",
        "Ask its maker; where you know better, raise `max_unknown` under `licences` by as many packages.",
    ),
)
