"""LG660: answering an alarm of a model that serves."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG660",
        "The records of an alarm are not here",
        "A new reference is made of the windows that gateways recorded, and whoever verifies makes it again. Where the "
        "log of predictions is not, or ends before the alarm, nobody could say what is accepted.",
        "Answer on the machine that has the log of predictions. `lockgate monitor ack` needs the event log only.",
    ),
)
