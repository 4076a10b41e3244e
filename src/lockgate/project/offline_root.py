"""Which root somebody trusts who checks evidence away from the project: the one they name, or one that they pinned."""

from __future__ import annotations

from lockgate.errors import Refused, VerificationFailed
from lockgate.trust import pin as pins
from lockgate.trust.dsse import Envelope
from lockgate.trust.roles import Roles


def claimed_by(envelope: bytes) -> str:
    """The project id that a roles file claims; nothing of it is verified. Raises VerificationFailed."""
    return Roles.from_predicate(Envelope.parse(envelope).statement().predicate).project_id


def trusted(claimed: str, root: str = "") -> str:
    """The root to verify under. Raises Refused LG825 not pinned; VerificationFailed LG828 `root` is another; LG829."""
    if root:
        wanted = pins.check_project_id(root.removeprefix("sha256:"))
        if wanted != claimed:
            raise VerificationFailed(
                "LG828",
                "this is evidence of another project than the root's",
                seen={"expected": wanted, "seen": claimed},
                next="ask the project's owner for the fingerprint and the evidence",
            )
        return wanted
    if pins.pinned(claimed) is None:
        raise Refused(
            "LG825",
            "nobody has told this user account to trust this evidence's root, so nothing can be verified",
            seen={"root": f"sha256:{claimed}"},
            next="give --root FP   # after asking the project's owner for the fingerprint, another way",
        )
    return claimed
