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
        "LG956",
        "The data file has no such column",
        "The label is what the model learns to predict; it has to be one of the file's columns.",
        "Name one of the columns that the message lists with --label.",
    ),
    Finding(
        "LG957",
        "Nothing can be learned from this file",
        "Too few rows, a label with one value, or a column of lists: training would fail, or pretend to work.",
        "Choose another --label or another file; the message says what is in the way.",
    ),
    Finding(
        "LG958",
        "This installation lacks its example projects",
        "The demo's data and the starter of `init` travel with the package.",
        "Install Lockgate again from its wheel, or from a whole checkout.",
    ),
    Finding(
        "LG959",
        "There is no such data file",
        "`init --data` starts from a file of yours.",
        "Check the path.",
    ),
    Finding(
        "LG960",
        "The demo's server ended before it was asked",
        "A process of the gateway did not stay up.",
        "Run `lockgate doctor`, then the demo again; the lines before this one say what the processes said.",
    ),
    Finding(
        "LG961",
        "The demo's gateway did not answer as it should",
        "Every row that the demo sends is one that the contract accepts.",
        "Run `lockgate doctor`; report what the message shows.",
    ),
    Finding(
        "LG962",
        "A prediction's record was not sealed in time",
        "Until a record is under a signed checkpoint, its receipt proves nothing.",
        "Run `lockgate log verify`; a very busy machine may need longer.",
    ),
    Finding(
        "LG999",
        "A fault of Lockgate",
        "Something happened that we did not foresee. Nothing was approved, signed or served because of it.",
        "Run the same command with LOCKGATE_TRACEBACK=1 and report what it prints.",
    ),
)
