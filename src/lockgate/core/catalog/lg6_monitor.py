"""LG641, LG653, LG654, LG697: the gateway's part of monitoring, and what it leaves uncompared."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG641",
        "`[monitor]` is half said",
        "Rows cannot be told apart by an hour or a site that no field says; compared all together, a usual Monday "
        "would alarm.",
        "`hour` and `weekday` need `time`, `site` needs `site`: the field of the contract that says it.",
    ),
    Finding(
        "LG653",
        "monitoring is off, or misses rows",
        "Answers leave as ever, and nobody watches them: the plan cannot be used here, rows could not be counted, or "
        'the labels cannot be read. What is missed is in `lockgate_monitor_rows_total{what="skipped"}`.',
        "Read the reason; the gateway's log has more. A plan that cannot be used is made anew by `lockgate run`.",
    ),
    Finding(
        "LG654",
        "the model was registered without a monitoring plan",
        "It was made before Lockgate made plans, or its plan is too large: what it is asked is compared with nothing.",
        "`lockgate run` makes a plan from the accepted rows; deploy what it registers.",
    ),
    Finding(
        "LG697",
        "little or nothing of what a model is asked is compared",
        "Rows that are like their neighbours at any distance are left out: a sensor that stands still, a client that "
        "sends its rows sorted, a field that goes on. So are all rows of a model that "
        "is not given the field that says their stratum. No alarm then says next to nothing.",
        "`lockgate monitor` says which streams count few rows. `[monitor] exclude` leaves out fields that go on; "
        '`strata` compares like with like, `unit = "session"` counts one row of a caller. A sensor that stands still '
        "is a fault itself.",
    ),
)
