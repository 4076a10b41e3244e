"""LG7000 to LG7009: proofs that answers carry."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG7000",
        "Answers wait for proofs that cannot be made",
        'The policy says `record = "sealed"`: an answer leaves with the proof that its record is in the log. The '
        "gateway makes it from the log's tiles, and they cannot be read, or do not hash to what the sealer signed. "
        "What happens to the answers the policy's `unrecorded` says.",
        "Run `lockgate log verify`. The gateway tries again four times a second.",
    ),
    Finding(
        "LG7001",
        "A gateway cannot say that its answers wait for the log",
        'The policy says `record = "sealed"`: a gateway says by an empty file in `.lockgate/state/spool` that its '
        "answers wait, and that file could not be made or removed. Nothing is lost, and no answer leaves before its "
        "record is sealed; the sealer gives way to other work, or looks more often, than it should.",
        "Look at the message: `.lockgate/state/spool` must be a folder of this user with room for new files. Then "
        "start `lockgate serve` again.",
    ),
)
