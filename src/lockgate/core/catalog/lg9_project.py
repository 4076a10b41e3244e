"""LG940 to LG999: the command line, the configuration, the project's folder."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG940",
        "The command was called wrongly",
        "A command that guesses what was meant does the wrong thing one day.",
        "Read the command's --help; the message names what was wrong.",
    ),
    Finding(
        "LG941",
        "Nothing is known under that word or id",
        "`explain` knows the eight words of Lockgate and every finding id.",
        "Run `lockgate explain` for the words; docs/reference/findings.md lists the ids.",
    ),
    Finding(
        "LG942",
        "lockgate.toml does not say something that Lockgate understands",
        "A misspelt key that is silently ignored is a control that looks on and is off.",
        "Mend the line that the message names; docs/reference/config.md lists every key with its default.",
    ),
    Finding(
        "LG943",
        "This machine has no memory left",
        "Nothing was half-written: statements and registry entries are committed in one step.",
        "Free memory, or lower [train] memory, and run the same command again.",
    ),
    Finding(
        "LG944",
        "The file system said no",
        "A full disk, a missing right or a vanished folder. Nothing was half-written: the checkpoint of the log is "
        "the only commit point.",
        "Mend what the message names (`df -h .`, `ls -ld .lockgate`) and run the same command again.",
    ),
    Finding(
        "LG945",
        "This folder is no project",
        "Lockgate looks for lockgate.toml here and in the folders above.",
        "Run `lockgate init` here, or name the project with --project DIR.",
    ),
    Finding(
        "LG946",
        "This project has no evidence yet",
        "There is a lockgate.toml, but no .lockgate folder with a log that a root key began.",
        "Run `lockgate init` here; with somebody else's project, ask for its .lockgate folder.",
    ),
    Finding(
        "LG947",
        "This folder is a project already",
        "A second init would make a second root, and everything signed so far would belong to a stranger.",
        "Run `lockgate status`. To begin anew, move .lockgate away yourself.",
    ),
    Finding(
        "LG948",
        "Another lockgate command is at work here",
        "Two writers at once could each sign a different future of the same log.",
        "Wait until it has finished; the message names its process.",
    ),
    Finding(
        "LG949",
        "The folder for a new project is not empty",
        "init never writes over your files.",
        "Name an empty or new folder; a folder with a lockgate.toml keeps its files.",
    ),
    Finding(
        "LG950",
        "There is no such demo attack",
        "Each attack of the demo has a name.",
        "Run one of those that the message lists.",
    ),
    Finding(
        "LG951",
        "An attack of the demo was not stopped",
        "The demo tampers with a copy and expects a certain finding. Anything else means that a control is off.",
        "Do not rely on this installation; report it as SECURITY.md says.",
    ),
    Finding(
        "LG952",
        "The folder to write into is not empty",
        "What is materialized must be exactly what was signed, so nothing else may lie beside it.",
        "Name a new or an empty folder.",
    ),
    Finding(
        "LG953",
        "There is no statement like that to go back to",
        "A rollback names an earlier verified statement of that very stage.",
        "Run `lockgate log show`, and name a statement by digest or log index.",
    ),
    Finding(
        "LG954",
        "The model named is not the one that is live",
        "Serving never deploys: what is served is what a deployment statement made live.",
        "Deploy it first, or leave the name out.",
    ),
    Finding(
        "LG955",
        "This needs a stage that has not run",
        "Each stage builds on the signed statement of the one before.",
        "Run the command that the message names.",
    ),
    Finding(
        "LG999",
        "A fault of Lockgate",
        "Something happened that we did not foresee. Nothing was approved, signed or served because of it.",
        "Run the same command with LOCKGATE_TRACEBACK=1 and report what it prints.",
    ),
)
