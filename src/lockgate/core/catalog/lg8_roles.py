"""LG846, LG860 to LG869: one roles file after another, statements that were made elsewhere, the sealer's succession."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG846",
        "a statement about something that this log does not hold",
        "Who signs reads what the log knows of a digest, never what the draft calls it; of this one it knows nothing.",
        "Fetch the log as it is now. If it is not there then, have the statement made anew in this project.",
    ),
    Finding(
        "LG860",
        "a roles file under which nobody could go on",
        "Without exactly one sealer no log can be written; without enough root keys no later roles file can be made.",
        "Rotate the sealer instead of revoking it; add a root key, or lower the threshold, before one is taken away.",
    ),
    Finding(
        "LG861",
        "a revoked key that comes back",
        "A key was taken away because somebody else may have it; no later roles file can give it back.",
        "Make a new key: `lockgate trust keygen ROLE --person NAME`.",
    ),
    Finding(
        "LG862",
        "a change of the roles file that cannot be made",
        "Everything rests on who may say what; what nobody could read or follow is not signed.",
        "`lockgate trust show` lists the keys, their roles and the thresholds.",
    ),
    Finding(
        "LG863",
        "nobody confirmed",
        "Who may say what, and what a log takes for ever, is confirmed by somebody who read it in words or counted it.",
        "Run it at a terminal, or give --yes after reading what it prints.",
    ),
    Finding(
        "LG864",
        "a statement after which the project would not verify",
        "A log never forgets: a malformed approval or a deployment out of order could not be taken out of it again.",
        "The message says what does not fit. Make the statement anew on the log as it is now.",
    ),
    Finding(
        "LG865",
        "a statement that cannot be taken from elsewhere",
        "What ingest, validate, train and judge say is about rows and files that only the machine that made them has.",
        "Carry the model with all its evidence: `lockgate push REF REMOTE`, then `lockgate pull REMOTE DIR`.",
    ),
    Finding(
        "LG866",
        "the sealer's rotation is not finished",
        "The log is signed by the new key already, and a file beside it still names the former one.",
        "`lockgate log reindex`, where the sealer's key is, finishes it.",
    ),
    Finding(
        "LG867",
        "not a file of signed statements",
        "It holds one DSSE envelope per line, as --to-file writes them; nothing else is read, and nothing overwritten.",
        "Name the file that --to-file wrote; to write, name one that does not exist.",
    ),
    Finding(
        "LG868",
        "a log signed by the sealer's former key",
        "This log was handed over to the new key already; whoever still has the former one wrote this.",
        "Restore .lockgate/log/predictions from where you trust it, and find out who has the former key.",
    ),
    Finding(
        "LG869",
        "no key here that may sign this",
        "Each statement is signed in a role; on this machine there is no key of that role that has not signed yet.",
        "Run it where the key is, or name the root's key file: --root-key PATH.",
    ),
)
