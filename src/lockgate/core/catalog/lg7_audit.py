"""LG7xx: audit. LG701 to LG749: the logs; from LG750: the evidence read from them."""

from lockgate.core.catalog import Finding

_RESTORE = (
    "Keep the folder as it is for the inquiry. Take the log from a backup or a mirror that verifies, and only one "
    "that is not older than the last checkpoint seen."
)

_LOG = (
    Finding(
        "LG701",
        "The log has no readable checkpoint",
        "The checkpoint is the log's signed commitment to all its entries; without it nothing in the folder is proved.",
        _RESTORE,
    ),
    Finding(
        "LG702",
        "The checkpoint is not signed by the log's key",
        "Somebody who does not hold the sealer's key wrote or changed it, or added a signature that nobody can check.",
        _RESTORE + " After a change of the sealer's key, see `lockgate trust show`.",
    ),
    Finding(
        "LG703",
        "The checkpoint belongs to another log",
        "A genuine checkpoint of one log put into another would make its entries speak for the wrong project.",
        _RESTORE,
    ),
    Finding(
        "LG704",
        "log.vkey is not the sealer's key",
        "The roles file says which key seals the log. A key file that says otherwise sends outside verifiers astray.",
        "Compare with `lockgate trust show`; restore log.vkey from a mirror of the log.",
    ),
    Finding(
        "LG705",
        "A tile of the log is missing or altered",
        "The tiles are the tree of hashes below the signed root: one changed byte, and the entries below are unproved.",
        _RESTORE,
    ),
    Finding(
        "LG706",
        "A log entry is missing or altered",
        "An entry that does not hash to its leaf is not the one that was sealed: history was edited.",
        _RESTORE,
    ),
    Finding(
        "LG707",
        "The log was rolled back",
        "This log is shorter than one that was seen here before. A restored backup revives what was revoked since.",
        "Restore a newer copy. If there is none, the entries after this checkpoint are lost: say so in public, and "
        "begin a new project root.",
    ),
    Finding(
        "LG708",
        "The log has forked",
        "Two signed trees, neither of which contains the other: different readers were shown different histories.",
        "Copy `.lockgate/log` and the checkpoint last seen (`~/.local/state/lockgate/<project>/seen`) away before "
        "anything writes: together they prove it. What witnesses cosigned says which of the two others were shown. "
        "Nothing is repaired: docs/how-to/repair-a-log.md. Revoke the sealer's key and find out who held it.",
    ),
    Finding(
        "LG709",
        "Something unknown lies in the log's folder",
        "A file that the log did not write, a link or a device can hide data there or redirect a reader.",
        "Move it out of the folder and find out who put it there.",
    ),
    Finding(
        "LG710",
        "An interrupted write left files beyond the checkpoint",
        "Expected after a crash or a full disk: nothing there was acknowledged. The same is seen when somebody puts an "
        "older checkpoint back on a machine that has not seen the newer one.",
        "Nothing: the next write removes or completes them. Verifying never repairs.",
    ),
    Finding(
        "LG711",
        "An entry is too long for the log",
        "The format gives an entry's length two bytes: 65,535 at most.",
        "Keep the bytes in a store and log their digest.",
    ),
    Finding(
        "LG712",
        "The log is locked by another process",
        "One process writes at a time, and a full verification holds writers back while it reads.",
        "Wait for it to end, or end it; a process that was killed holds no lock.",
    ),
    Finding(
        "LG713",
        "The log cannot be read or written",
        "The disk is full or failing, or a permission is missing. What was acknowledged before is safe.",
        "Mend the disk or the permission, then repeat the command.",
    ),
    Finding(
        "LG714",
        "The log has no such entry",
        "Entries are numbered from 0 to the size of the log less one.",
        "See `lockgate log show`.",
    ),
    Finding(
        "LG715",
        "The proof is malformed",
        "A tlog-proof has exactly one spelling, so that nothing can be slipped in between its lines.",
        "Ask for the proof again.",
    ),
    Finding(
        "LG716",
        "The proof does not show the entry",
        "The hashes lead from this entry, at this index, to another root than the signed one.",
        "Check that proof and entry belong together; if they do, one of them was altered.",
    ),
    Finding(
        "LG717",
        "The sealer signs with another key",
        "A checkpoint under a key that the roles file does not name would be refused by every reader.",
        "Give the sealer the key that `lockgate trust show` names; nothing was published.",
    ),
    Finding(
        "LG718",
        "The checkpoint last seen is damaged",
        "It is kept outside the project to notice a log that was rolled back. Damaged, it can no longer do that.",
        "Compare the log with a mirror. Only when they agree, remove the file that is named.",
    ),
)

_PREDICTIONS = (
    Finding(
        "LG720",
        "An entry of the prediction log is no prediction record",
        "The sealer takes records only; anything else was put there by somebody who holds its key or its socket.",
        "See the entries that are named with `lockgate log show`.",
    ),
    Finding(
        "LG721",
        "A gateway's sequence has a gap",
        "Each gateway numbers its predictions without a hole. A missing number is a prediction without a record.",
        "Look into that gateway's spool and its life at that time; after a crash the lost tail was never answered.",
    ),
    Finding(
        "LG722",
        "A gateway's number was used twice",
        "Two records under one number: a copied gateway, a spool sealed twice, or a receipt that fits two predictions.",
        "Compare the two records; give a gateway that was copied an identity of its own.",
    ),
    Finding(
        "LG731",
        "A gateway's spool is damaged",
        "Frames before the end do not carry their checksum: more than an interrupted append happened here.",
        "Keep the file, start the gateway with a new spool, and check the disk.",
    ),
    Finding(
        "LG732",
        "A gateway's spool cannot be used",
        "Without a durable record there is no answer: the gateway refuses rather than predict unrecorded.",
        "Free the disk or mend the permission; a spool has one writer.",
    ),
)

FINDINGS: tuple[Finding, ...] = _LOG + _PREDICTIONS
