"""LG5xx: deploy, and the heads of stages."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG501",
        "not a name for a model",
        "A model is named in a few fixed ways, and never by a path.",
        "Write name, name@version, name@sha256:..., name:live, name:live@ENV, a digest prefix, or latest.",
    ),
    Finding(
        "LG502",
        "nothing is called that",
        "No registered model, or no statement of that stage, fits.",
        "`lockgate models` and `lockgate log show` list what there is.",
    ),
    Finding(
        "LG503",
        "it fits several",
        "What fits two models is never guessed.",
        "Write more digits, or the name with its version.",
    ),
    Finding(
        "LG510",
        "there is no such rung",
        "Traffic moves along declared rungs only.",
        "Use `--to live`.",
    ),
    Finding(
        "LG511",
        "the policy refuses the deployment",
        "An enforced rule of the environment's policy is not met; the refusal is in the log too.",
        "The refusal names each reason and the command that mends the first.",
    ),
    Finding(
        "LG512",
        "approvals are missing",
        "The policy asks for the word of so many different persons.",
        "`lockgate approve REF --env ENV`, by somebody who holds an approver's key.",
    ),
    Finding(
        "LG513",
        "the trainer approved their own model",
        "One person who trains and approves is one pair of eyes.",
        "Give the approver's key to another person; `lockgate trust show` says who holds what.",
    ),
    Finding(
        "LG514",
        "the model is revoked",
        "Somebody with the revoker's key said that it must not be used any more.",
        "Deploy or roll back to another version; `lockgate models` lists them.",
    ),
    Finding(
        "LG515",
        "the version is below the floor",
        "The floor keeps versions out that were left for a reason; it rises by a deployer's word and never sinks.",
        "Deploy a version at or above it.",
    ),
    Finding(
        "LG520",
        "nothing is live there",
        "There is no deployment statement for this environment, so nothing is loaded.",
        "`lockgate deploy REF --env ENV`.",
    ),
    Finding(
        "LG521",
        "the chain of deployments is broken",
        "A gap, a replay or a fork: an old deployment presented again, one left out, or two after the same one.",
        "`lockgate log verify`; find out who holds the deployer's key.",
    ),
    Finding(
        "LG522",
        "the guard went too far",
        "The guard's key is online, so it may only return to an earlier approved version, and step up on a deployer's"
        " authorisation, before the rung's longest wait is over.",
        "Treat the guard's key as stolen: take it out of the roles file.",
    ),
    Finding(
        "LG523",
        "the verification summary is missing or does not fit",
        "It says that the policy was met, for one model in one environment; without it nothing is loaded.",
        "`lockgate deploy REF --env ENV` makes one.",
    ),
    Finding(
        "LG524",
        "the policy was not in force",
        "A summary made under an older, or never signed, policy would let that policy live on.",
        "`lockgate policy show`; deploy again.",
    ),
    Finding(
        "LG525",
        "a deployment is dated in the future",
        "Ages and orders mean nothing when a clock is wrong.",
        "Set this machine's clock.",
    ),
    Finding(
        "LG526",
        "a statement does not say what it must",
        "It is well signed, but a field that we rely on is missing or has the wrong form.",
        "`lockgate log verify`; was it made by another version of Lockgate?",
    ),
    Finding(
        "LG527",
        "evidence behind a summary is missing",
        "A summary names every statement that it rests on, and one of them is not in the log before it.",
        "`lockgate log verify`; restore `.lockgate` from a backup.",
    ),
    Finding(
        "LG530",
        "it was never live there",
        "A rollback returns to what was approved and live before; anything else is a deployment.",
        "`lockgate deploy REF --env ENV`.",
    ),
    Finding(
        "LG531",
        "there is nothing to roll back to",
        "No earlier version that was live here is unrevoked and at or above the floor.",
        "`lockgate models`; deploy another version.",
    ),
    Finding(
        "LG532",
        "the stage has nothing to return to",
        "It stands there already, or has no earlier statement.",
        "`lockgate log show` lists the statements of each stage.",
    ),
    Finding(
        "LG541",
        "a stage's head was moved by another role",
        "Whoever chooses which statement counts decides what everybody after builds on.",
        "`lockgate trust show`; find out who holds the key that signed it.",
    ),
    Finding(
        "LG542",
        "a stage's head points nowhere",
        "It names a statement that is no earlier statement of that stage; an older one is never taken instead.",
        "`lockgate log verify`.",
    ),
)
