"""LG6100 to LG6109: clients who seem to try the model itself, as the gateway sees them."""

from __future__ import annotations

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG6100",
        "Requests of this client are held back (429)",
        "What it asked looked like an attack on the model, or its answers gave away as much as the policy allows. What "
        "was seen is not said here: who attacks would learn what to avoid.",
        "Ask whoever runs the gateway. They see it with `lockgate clients why NAME` and lift it with `lockgate clients "
        "clear NAME --reason TEXT`.",
    ),
    Finding(
        "LG6101",
        "A client looks for inputs that deceive the model",
        "It asks again and again for rows a small step apart, as attacks do that walk along the model's border "
        "(HopSkipJump, Boundary, Square, ZOO). What they find is answered wrongly on purpose.",
        "`lockgate clients why NAME` shows the evidence. A customer who asks what-if questions looks alike: declare it "
        "with `lockgate clients declare NAME --edits`, then clear it.",
    ),
    Finding(
        "LG6102",
        "A client asks for rows that no population has",
        "Made-up rows are how a model is copied without data of its own. The first rows and wide steps of a search for "
        "inputs that deceive it (LG6101) are odd too. Whoever copies with real rows is not seen by this: only a leak "
        "budget bounds that.",
        "`lockgate clients why NAME` shows the evidence; ask the client where its rows come from, and whether they are "
        "of one case or of many. A new segment, or drift (`lockgate monitor`), looks alike.",
    ),
    Finding(
        "LG6103",
        "Several clients probe the same rows together",
        "One attack was split over many keys, each of which looks harmless.",
        "`lockgate clients review` lists them. A client may be among them because others probe near its rows: look "
        'before anything follows. `shared = "respond"` in the policy lets it follow by itself.',
    ),
    Finding(
        "LG6104",
        "The answers to a client have given away as much as the policy allows",
        "A model is copied by its answers, however they are asked for.",
        "A day's budget starts anew at midnight UTC; that for ever does when an operator clears the client. `leak_day` "
        "and `leak_life` are in the policy; `lockgate drill extraction` prices them.",
    ),
    Finding(
        "LG6105",
        "Clients are not looked at, or not all of their rows",
        "Answers leave as ever, and attacks on the model are not seen: the population cannot be used here, rows made "
        "the detectors fail, or more keys are suspected than are remembered.",
        "Read the reason; the gateway's log has more. What is missed is in "
        '`lockgate_abuse_rows_total{what="skipped"}`.',
    ),
    Finding(
        "LG6106",
        "A model has no population, or one that says too little",
        "It was made before there were any, or has one that says too little: of too few rows, or too few fields that "
        "differ. Nobody sees who probes it, or, where it says so, not by every rule. Leak budgets hold, and count in "
        "full each row that is not looked at.",
        "Of a model from before: `lockgate run`, then `lockgate deploy NAME`. Otherwise: it takes 400 rows and three "
        "fields that are no timestamps, in which rows differ by nature. Fields of few values make no two rows near: "
        "then budgets are what is left. `lockgate status` has a line as long as it is so.",
    ),
    Finding(
        "LG6107",
        "What answers gave away cannot be read or written",
        "A count that is lost would give each client its whole budget again, and whoever was held back its answers.",
        "Free disk space for `.lockgate/state/spool`. A malformed file is to be removed: the budgets, and who is held "
        "back by this gateway, then start anew.",
    ),
    Finding(
        "LG6108",
        "A suspicion went down, or was cleared by an operator",
        "It is recorded, so that who lifted what can be told later.",
        "Nothing. `lockgate clients why NAME` tells the whole story.",
    ),
    Finding(
        "LG6109",
        "More rows come than are looked at",
        "Looking takes at most a twentieth of the gateway's time; past that requests are looked at by chance, evenly "
        "for each client. An attack is then seen later. A leak budget counts what was not looked at in full.",
        "`lockgate_abuse_rows_total` says how much is missed. More gateways look at more rows.",
    ),
)
