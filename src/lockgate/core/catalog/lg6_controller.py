"""LG683 to LG685, LG691, LG692: the controller of a ladder, the guard beside it, and workers of several models."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG683",
        "The controller ended",
        "It watches the model on the ladder. While it is away no alarm is seen and no model climbs; what is live goes "
        "on answering, and so does the share of the model on the ladder.",
        "It is started again by itself. Where it does not stay up, see what it said, and until then take the model off "
        "by hand: `lockgate rollback ENVIRONMENT`.",
    ),
    Finding(
        "LG684",
        "The controller asked for a move that the guard does not sign",
        "The controller has no key because it may be taken over: the guard signs a withdrawal on a named alarm, and a "
        "step up that a deployer has authorised and that the log's own records bear out.",
        "Once is a race with a move of somebody else. Again and again it is a controller that does not do what it "
        "should: take the model off by hand, and look at what runs on this machine.",
    ),
    Finding(
        "LG685",
        "Nothing is moved by itself here",
        "A ladder is declared and this machine has no guard key, or follows a log that is sealed elsewhere. Alarms are "
        "told to people and nobody acts on them.",
        "Put the guard's key where `lockgate serve` runs and start it again (a ladder that the policy got while it ran "
        "needs that too), or take a model off by hand: `lockgate rollback ENVIRONMENT`.",
    ),
    Finding(
        "LG691",
        "A gateway asks for workers that it has no use for",
        "It answers from three models at most: what is live, the one on the ladder and the one before. A fourth pair "
        "would fill the machine.",
        "Nothing was started. A gateway that asks again may have been taken over: start `lockgate serve` again.",
    ),
    Finding(
        "LG692",
        "A model has what its rung asks for, and waits for a deployer",
        "No check alarms, the rows and labels are there, and no ladder authorisation lets it step up by itself.",
        "Move it with `lockgate deploy REF --env ENVIRONMENT`, or authorise the rest of its way with `--authorise`.",
    ),
)
