"""LG970 to LG974: several models in one project."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG970",
        "A statement names its model in no form that is known",
        "Which model a stage's statement is for decides what may rest on it. A name that cannot be read is never taken "
        "for nothing said, for that would make the statement another model's.",
        "Run `lockgate log verify`. Whoever holds the key of that role signed something that no command of Lockgate "
        "makes.",
    ),
    Finding(
        "LG971",
        "A registration rests on a statement of another model",
        "Two models of one project may have the same data, and even the same bytes. What was judged, or validated, for "
        "one is no evidence for the other; and a name that has statements of its own is never registered on those of "
        "the project's own model.",
        "Do not use this model. Run `lockgate log verify`, and ask who holds the key of role `signer`; then "
        "`lockgate run --model NAME`.",
    ),
    Finding(
        "LG972",
        "The project has no such model",
        "lockgate.toml names each model in a table [model.NAME]; without any there is one, with the project's name.",
        "Name one of those that the message lists.",
    ),
    Finding(
        "LG973",
        "The project has several models, and the command is about one",
        "Each model has its own data, training and heads of stages; a stage that guessed would work on the wrong one.",
        "Say which: --model NAME. `lockgate run` alone runs all of them.",
    ),
    Finding(
        "LG974",
        "This project is served already",
        "One `lockgate serve` at a time works in a project's folder, whichever model it answers for: its predictions "
        "are one log, and one sealer signs that. Two would each remove the other's spool, and fork the log.",
        "Stop the other one; or serve the second model from a mirror, which has a log and a sealer of its own: "
        "`lockgate push`, then `lockgate serve HOST/NAME --root FP` (docs/how-to/several-models.md).",
    ),
)
