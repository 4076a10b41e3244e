"""LG649 to LG651: the gateway beside a ladder, and beside a log that stands still."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG649",
        "the log is stale, nothing is answered",
        "For longer than the policy's `max_staleness` nobody has vouched that the event log as the gateway reads it is"
        " the newest: a revocation may be in it by now.",
        "Look whether the folder, or a mirror's registry, can be reached: `lockgate status`. It answers again by "
        "itself.",
    ),
    Finding(
        "LG650",
        "the log is stale",
        'As LG649, where the policy says `stale = "alarm"`: it is answered on, from what was last known.',
        "Look whether the folder, or a mirror's registry, can be reached: `lockgate status`.",
    ),
    Finding(
        "LG659",
        "the candidate answers another kind of question",
        "A model of numbers and one of classes, or of two and of many, cannot be compared or stand in for each other.",
        "`lockgate deploy REF --to live --reason WHY`, once the clients know; or give the new model a name of its own.",
    ),
    Finding(
        "LG651",
        "the model on the ladder is not asked",
        "It stands on a rung, and must not be loaded: revoked, below the floor, a waiver that ended, or other bytes.",
        "What is live answers on. `lockgate status` says why; `lockgate rollback ENV` takes it off the ladder.",
    ),
)
