"""LG7040 to LG7044: evidence that is handed to outsiders."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG7040",
        "No such number of records",
        "An archive of evidence carries up to 100 records of predictions, each with its proof: an outsider sees how "
        "they look and can ask for any other with `lockgate log prove RECEIPT`.",
        "Give --records 0 to 100.",
    ),
    Finding(
        "LG7041",
        "The event log changed while its evidence was read",
        "What is handed out must be the log that was verified: its leaves hash to the root in the checkpoint that goes "
        "with them. They do not, so nothing was written.",
        "Run the same command again; if it stays, run `lockgate log verify`.",
    ),
    Finding(
        "LG7042",
        "A call that had to be denied was let through",
        "The access matrix is tried at the moment of the export, on throw-away copies. Where one of its refusals did "
        "not come, or a call that is allowed was refused, this installation does not check what it says it checks: "
        "nothing that it verified can be believed, and nothing was written.",
        "Install Lockgate anew from a release whose digest you have compared; then verify the project with it.",
    ),
    Finding(
        "LG7043",
        "The model is too large to travel in an archive of evidence",
        "The archive is one file that a person opens. The weights are named in it by digest and need not be in it.",
        "Leave --with-model out; carry the model with `lockgate push`.",
    ),
)
