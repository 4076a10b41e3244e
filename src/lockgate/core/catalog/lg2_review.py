"""LG242 to LG249: doubtful rows before a person, and what that person says of them."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG242",
        "there is nothing to review",
        "A review is of what the newest validate statement says. There is none, or its screen did not run: every rule "
        "was off in the environment at hand, or no row was accepted.",
        "Run `lockgate validate`; which rules look for poisoned rows stands in `[environment.NAME.screen]` of "
        "policy.toml.",
    ),
    Finding(
        "LG243",
        "a mark cannot be applied: the contract's fields are others now",
        "A mark holds for rows whose fields all equal those that were marked. Where the contract has other fields, no "
        "row can: what somebody called bad would come back without a word.",
        "Look at the rows again (`lockgate review --screen`) and mark them anew; or take the word back: "
        "`lockgate revoke INDEX --reason WHY`.",
    ),
    Finding(
        "LG244",
        "a row that is to be marked is not among the accepted ones",
        "Marked are rows that were accepted by the newest validate statement. A number beyond the file, or a row in "
        "the quarantine, would be a word about nothing.",
        "Take the rows from `lockgate review --screen`; they count from 0 within their source.",
    ),
    Finding(
        "LG245",
        "it is not clear in which file the rows are",
        "Row 12 is another row in each file. Where rows come from several, or none has that name, the wrong one could "
        "be marked.",
        "Write `FILE:12,15-20`, with FILE as `lockgate review --screen` shows it.",
    ),
    Finding(
        "LG246",
        "rows are not named in the form FILE:12,15-20, or are too many",
        "What is signed must be what was meant, so that nothing is guessed; and a million rows at once are a rule, not "
        "a word on rows.",
        "Write whole numbers and ranges from low to high, apart by commas. All rows of a finding: `--finding LG233`.",
    ),
    Finding(
        "LG247",
        "the rows under review cannot be read",
        "The files of accepted rows, of the screen and of marks are read in a jail, for others wrote them. It ended, "
        "or they do not fit each other.",
        "Run `lockgate validate` anew; `lockgate doctor` says what jails can do here.",
    ),
    Finding(
        "LG248",
        "there is no row to mark",
        "The finding is none of the screen's, flags no row, or only rows that have a mark already; or no mark has that "
        "place in the log.",
        "`lockgate review --screen` lists findings and rows, `lockgate review` the marks that hold.",
    ),
    Finding(
        "LG249",
        "a validate statement cannot be reviewed",
        "It names no accepted rows, quarantine and report, or its report is not in form: whatever made it was not this "
        "Lockgate.",
        "Run `lockgate validate` anew.",
    ),
)
