"""LG848: whose word ends an alarm."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG848",
        "This answers an alarm that the log does not have",
        "An answer to an alarm names it by the digest of its statement, in the environment and of the model that it is "
        "of. What answers nothing ends nothing: it would only be read as if it did.",
        "`lockgate monitor` lists the alarms of this log; make the answer anew with `lockgate monitor ack`.",
    ),
)
