"""LG773, LG774, LG777 to LG779: the evidence of alarms."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG773",
        "A gateway tells of more rows than it answered",
        "What a gateway looked at and counted is held against its own records of answers. What does not add up was "
        "invented by the gateway that wrote it. How rows lay in the bins is its word, and nothing proves it.",
        "Stop that gateway and look at its machine; no alarm, and no silence, that counts its records is worth "
        "anything.",
    ),
    Finding(
        "LG774",
        "A window that a gateway counted cannot be",
        "It has bins, streams or a life that the model's plan has not, or a stream with more rows than the window. It "
        "counts for nothing.",
        "One is a gateway of another version. Many are one that lies: look at its machine. A plan that cannot be read "
        "is made anew by `lockgate run`.",
    ),
    Finding(
        "LG777",
        "An alarm is not what the log bears out",
        "An alarm names a state of the log of predictions, and its numbers are counted again from those records. They "
        "must be the same; test, settings and action must be those of the policy that was in force.",
        "Keep both logs as they are. Whoever signed it held the guard's key: rotate it, and take the alarm back with "
        "`lockgate revoke STATEMENT --reason WHY`; then it counts as never said.",
    ),
    Finding(
        "LG778",
        "What was accepted as the reference is not what the log has",
        "An acceptance names records of the log of predictions, and what they make the reference. Counted again they "
        "must make the same: otherwise the test would compare with rows that never came.",
        "Take the acceptance back with `lockgate revoke STATEMENT --reason WHY`, and ask the approver who signed it.",
    ),
    Finding(
        "LG779",
        "An alarm's numbers are not counted again here, or too few rows were looked at for one to come",
        "The log of predictions that it is of, or the model's plan, is not here, or another version of Lockgate "
        "counted in another way. Or gateways answered many more rows than they counted windows of: they skip most, or "
        "are silent, and then no alarm says little.",
        "Verify where the predictions are sealed, with the version that raised it. Of rows that are not counted: look "
        "at `lockgate monitor`, at `[monitor] most_rows`, and at the machine of that gateway.",
    ),
)
