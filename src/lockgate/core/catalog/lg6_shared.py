"""Findings of several gateways, and of the limits that they share."""

from __future__ import annotations

from lockgate.core.catalog import Finding

FINDINGS = (
    Finding(
        "LG686",
        "The shared limits cannot be reached (503)",
        "A gateway that cannot see what the others have given out would give out the same budget again.",
        "Wait as Retry-After says. For the operator: look at the Redis server of `[serve] redis`. Budgets are refused "
        "and rates go on within a part of each, unless the policy says otherwise (`shared_budgets`, `shared_rates`).",
    ),
    Finding(
        "LG687",
        "The address of the shared limits cannot be used",
        "Gateways that share nothing would each let the whole limit pass.",
        '`[serve] redis = "redis://HOST"`, `"rediss://HOST"` with `redis_ca`, `"unix:///PATH"`; with a login only by '
        'reference: `"env:NAME"`.',
    ),
    Finding(
        "LG688",
        "The Redis server of the shared limits does not take us",
        "It is away, refuses the login, or may not run our scripts: limits are not shared meanwhile.",
        "The message says which. The login needs no more than `docs/how-to/many-gateways.md` lists. It is tried again "
        "every second by itself.",
    ),
    Finding(
        "LG689",
        "No such number of gateways",
        "Each gateway is a process with two workers of its own.",
        "From 1 to 64; as many as the machine has processors for is enough.",
    ),
    Finding(
        "LG690",
        "Several gateways count alone",
        "What one has given out the others do not see, so each lets only its part of every limit pass: a client that "
        "asks one of them all the time gets less than its rate.",
        "Set `[serve] redis`, and limits hold over all gateways together.",
    ),
)
