"""LG7060 to LG7068: what was erased, what is kept too long, and what a damaged log can be mended with."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG7060",
        "An erasure was begun and is not recorded",
        "What is to be erased is noted before the first key is destroyed, and the note goes when the log says that it "
        "was done. A process was killed in between, or whoever erased could not sign.",
        "Run `lockgate log erase --again` with the deployer's key at hand: it destroys what is left, and records it.",
    ),
    Finding(
        "LG7061",
        "Keys of what was erased are there",
        "A backup of `.lockgate/state/payloads` was put back, and with it what the log says was destroyed. Or the "
        "person was answered again within the hour in which they were erased.",
        "Run `lockgate log erase --again`: every erasure that the log has is done anew.",
    ),
    Finding(
        "LG7062",
        "Keys were destroyed and no erasure of that day is recorded",
        "Whoever erases records it in the log of events. Keys that went without a record were destroyed by something "
        "else, or a log was put back that is older than the erasure.",
        "Ask who destroyed them. They cannot be had back; the log of predictions is whole without them.",
    ),
    Finding(
        "LG7063",
        "Personal data is kept for longer than the policy says",
        "Payloads go by the `payload_days` under which they were kept, label lines by `label_days`. A running gateway "
        "looks once an hour; without one nothing is removed.",
        "Run `lockgate log erase --overdue`, or start `lockgate serve`.",
    ),
    Finding(
        "LG7064",
        "A file of kept payloads is damaged",
        "What is damaged cannot be read any more, and whether a key in it was erased cannot be told. The log is whole: "
        "payloads lie apart from it.",
        "Restore the file that is named from a backup, then `lockgate log erase --again`; or remove both files of "
        "the part, and with them all that was kept in it.",
    ),
    Finding(
        "LG7065",
        "The file of labels is damaged",
        "Monitors pass over a line that is no label. The log has the record of each label, and commits to it.",
        "Tell the labels again with `lockgate feedback` where they count; `lockgate log verify --repair` cuts off an "
        "unfinished last line.",
    ),
    Finding(
        "LG7066",
        "The other copy cannot mend this log",
        "It is of another log, is signed by another key, or does not contain what was seen here before.",
        "Give the folder `.lockgate/log` of a mirror or of a backup of this very project.",
    ),
    Finding(
        "LG7067",
        "Payloads are kept that do not say whom they are about",
        "The policy keeps payloads, and `[serve] subject_field` is not set or is no field of the model's contract. "
        "`lockgate log erase SUBJECT` cannot find what is kept so: it goes one by one, by receipt, or by age.",
        "Set `subject_field` in lockgate.toml to the field of the contract that names a person, and start "
        "`lockgate serve` again. Where no record is about a person, nothing is to be done.",
    ),
    Finding(
        "LG7068",
        "The reason names the person who is to be forgotten",
        "A reason stands in the log of events for ever. What is erased must not be written down by erasing it.",
        "Give the number of the request instead.",
    ),
)
