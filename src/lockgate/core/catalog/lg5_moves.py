"""LG51x to LG53x: waivers, floors, revocations, and what a deployment stands on."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "LG516",
        "this cannot be waived",
        "Facts that a policy asks for can be waived for a while; what makes evidence evidence cannot.",
        "Mend what is wrong; the refusal lists the findings that can be waived.",
    ),
    Finding(
        "LG517",
        "a waiver ends at no such time",
        "A waiver ends after now and within 30 days: what is needed for longer belongs into the policy.",
        "`--expires 7d`, `--expires 12h` or a date; or change the policy: `lockgate policy sign`.",
    ),
    Finding(
        "LG518",
        "the waiver has expired",
        "What is live rests on a waiver whose time is over, so nothing is answered from it any more.",
        "Deploy a model that meets the policy; or waive again, then deploy again.",
    ),
    Finding(
        "LG519",
        "a waiver does not fit",
        "A verification summary rests on a waiver for something else, or on one that no waiver may be.",
        "`lockgate waive --list`; deploy again, and find out who holds the deployer's key.",
    ),
    Finding(
        "LG528",
        "a policy went back",
        "Each policy has a higher version than the one before it; an older one put in force again would undo it.",
        "`lockgate policy show`; find out who holds the policy's key.",
    ),
    Finding(
        "LG529",
        "this statement cannot be revoked",
        "Roles, policies, heads and revocations are followed by a newer one; taken out, what is left would be older.",
        "The refusal names the command that does what you want.",
    ),
    Finding(
        "LG533",
        "a reason is missing",
        "Whoever reads the log in a year has only the reason to go by.",
        "Add `--reason WHY` to the command.",
    ),
    Finding(
        "LG535",
        "approvals are missing behind a summary",
        "A verification summary says that the policy was met, and does not name the approvals that it asked for.",
        "`lockgate approve`, deploy again; find out who holds the deployer's key.",
    ),
    Finding(
        "LG536",
        "the facts behind a summary do not meet the policy",
        "A verification summary says that the policy was met, and the statements under it say that it was not.",
        "Deploy a model that meets the policy, or waive; find out who holds the deployer's key.",
    ),
)
