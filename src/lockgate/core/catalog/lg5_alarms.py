"""LG565: what a model that is live is asked is not what it was made with."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG565",
        "What a model is asked, or answers, is not what it was made with any more",
        "The rows in the bins of a stream (a field, a pair of fields, an output) differ so much from the reference "
        "that chance does it in at most `false_alarms` of all models, over their whole life. It may be the world, a "
        "source that changed its unit, a field that fails, or somebody who tries the model out. It does not say that "
        "the model is wrong; it says that nobody has measured how good it is on such rows.",
        "`lockgate monitor` shows reference and present side by side. Find out what changed; then retrain on such "
        "rows, go back with `lockgate rollback ENVIRONMENT`, or answer it: `lockgate monitor ack`, `lockgate monitor "
        "accept`.",
    ),
)
