"""LG7010 to LG7019: witnesses of the logs, and what they have seen."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG7010",
        "Too few witnesses have cosigned the event log as it is here",
        "Whoever holds the sealer's key, or an old copy of this folder, can show you another log than everybody else; "
        "a witness cosigns only a log that goes on from the one it saw before.",
        "Run `lockgate log cosign`, or bring the lines of a witness that is not on the network: `log cosign --answer`.",
    ),
    Finding(
        "LG7011",
        "A cosignature beside the log's checkpoint does not verify",
        "A line under the name and key id of a witness that its key did not sign is a forgery, or a damaged file.",
        "Run `lockgate log cosign`, which takes fresh lines; if it is told again, restore .lockgate from where you "
        "trust it.",
    ),
    Finding(
        "LG7012",
        "A witness has seen another log than this one, or a longer one",
        "A log that was cosigned once never gets shorter and never changes: this folder is an old copy, or somebody "
        "with the sealer's key has signed two logs.",
        "Nothing is to be trusted here until it is known which log is the true one: copy `.lockgate` and the witness's "
        "record away, and ask the witness what it saw and when. `lockgate log verify` compares with what this machine "
        "saw last, if it saw anything: a fresh machine cannot tell. See docs/how-to/witness-the-log.md.",
    ),
    Finding(
        "LG7013",
        "A witness did not cosign",
        "It could not be reached, knows another key of this log, or gave no cosignature that verifies with the key "
        "that the policy names. The log itself goes on.",
        "See what it answered; run `lockgate log cosign` again. A witness must be told the log's key: "
        "`lockgate log cosign --vkeys` shows both.",
    ),
    Finding(
        "LG7014",
        "The policy in force names no witness",
        "Whose cosignatures count is said by the signed policy, and by nothing else.",
        "Add [witness.NAME] to policy.toml, raise its version, then `lockgate policy sign`.",
    ),
    Finding(
        "LG7015",
        "This witness cannot start",
        "A witness whose own record is damaged, or used by another process, could cosign two logs of one name.",
        "Stop the other one, or restore its folder; never start it with an empty one under the same key.",
    ),
    Finding(
        "LG7016",
        "That is no answer of a witness",
        "An answer is one or more signature lines; each that counts was made over the checkpoint that is here now.",
        "Make a fresh request with `lockgate log cosign --request FILE`, and bring what the witness answers to it.",
    ),
)
