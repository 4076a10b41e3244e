"""The log's keys, its witnesses and how many of them must have cosigned, as a C2SP tlog-policy file. Pure.

    log <vkey>
    witness <name> <vkey> [<url>]
    group witnesses <k> <name>...
    quorum witnesses | none

Source: C2SP tlog-policy. The quorum is the highest that any environment of the signed policy asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.core.checkpoint import VerifierKey

if TYPE_CHECKING:
    from lockgate.export.evidence.spec import Case


def tlog_policy(case: Case) -> bytes:
    """The file's bytes."""
    lines = [
        "# Which log keys, which witnesses and how many of them, by the policy that is signed in the event log.",
        f"# Project {case.project}. Whoever checks an archive takes witnesses' keys from the witnesses, not from here.",
        f"log {VerifierKey(case.events.origin, case.events.public_key).line()}",
    ]
    if case.predictions is not None:
        lines += [
            "# The log of predictions is signed by the same key under another name, and a policy lists a key once:",
            f"# log {VerifierKey(case.predictions.origin, case.predictions.public_key).line()}",
        ]
    named = sorted(case.policy.witnesses.items())
    lines += [f"witness {name} {one.key.line()} {one.url}".rstrip() for name, one in named]
    wanted = quorum(case)
    if wanted and wanted <= len(named):
        lines += [f"group witnesses {wanted} {' '.join(name for name, _ in named)}", "quorum witnesses"]
    else:
        lines.append("quorum none")
    return "".join(line + "\n" for line in lines).encode()


def quorum(case: Case) -> int:
    """How many witnesses the strictest environment of the policy in force asks for."""
    return max((each.min_witnesses for each in case.policy.environments.values()), default=0)
