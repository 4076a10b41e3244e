"""LG693 to LG696, LG698, LG699: the watcher, and what became of its alarms."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG693",
        "The watcher ended",
        "It counts what gateways saw of the live model. While it is away no alarm is seen; answers go on, and what "
        "gateways count is in the log, so that nothing is lost.",
        "It is started again by itself. Where it does not stay up, see what it said; `lockgate monitor` counts the "
        "same.",
    ),
    Finding(
        "LG694",
        "A stream may differ from its reference",
        "The test that begins anew all the time is past its mark: it is faster than the alarm, and on average false "
        "once in half of `run_length` windows of 1,000 rows at the soonest. Nothing is signed and nothing follows.",
        "Look at it with `lockgate monitor`. Where it lasts, an alarm follows.",
    ),
    Finding(
        "LG695",
        "An alarm is not signed here, or nothing follows it",
        "This machine has no guard key, or follows a log that is sealed elsewhere, or began to serve before anything "
        "was watched. Or the policy lets the guard go back and there is no model before of which no alarm stands, or "
        "it went back already. Until somebody answers it, `lockgate monitor` shows that it was not done.",
        "Put the guard's key where `lockgate serve` runs and start it again. Or act by hand: `lockgate rollback "
        "ENVIRONMENT`.",
    ),
    Finding(
        "LG696",
        "An alarm was not sent to the webhook",
        "The policy does not allow its address, or nobody took it there after several tries. The alarm itself is "
        "signed and in the log. A redirect counts as not taken: it would lead where nobody allowed it.",
        "Write the beginning of the address into `webhooks` of `[environment.NAME.monitor]` and sign the policy; or "
        "look at who should take it.",
    ),
    Finding(
        "LG698",
        "The watcher was silent, and was ended",
        "It was told of new records and has not looked at them for ten minutes: it hangs, was stopped, or was taken "
        "over. Once an hour the supervisor counts without it, so that an alarm came an hour late at most.",
        "It is started again by itself. Where it comes again, see what it said; `lockgate monitor` counts the same.",
    ),
    Finding(
        "LG699",
        "Rows were counted in a life of the test that was over",
        "A gateway that does not see the event log grow goes on in the life that it knows. What it counts there is "
        "compared with nothing any more.",
        "Start that gateway again, and look at why its event log stands still: it would not see a revocation either.",
    ),
)
