"""A key that another user of this host holds (`role:USER`). Imported by `trust.signer` only.

The helper runs as that user, judges what it is asked to sign, and gives back a signature. It is not believed either:
the signer verifies what it gives.
"""

from __future__ import annotations

import json
import os
import re
import stat
from typing import Any

from lockgate.errors import LockgateError, Refused, Unavailable, Usage, VerificationFailed
from lockgate.sandbox import _role_process as process
from lockgate.trust.keys import PublicKey
from lockgate.trust.role_places import HELPER_MODE, changeable, helper_path, helper_words

_CLASSES = {kind.exit_code: kind for kind in (Refused, Usage, VerificationFailed, Unavailable)}


class RoleKey:
    """This person's key of `role` of a project, in the keeping of `user`."""

    def __init__(self, user: str, role: str, project_id: str, public: PublicKey) -> None:
        self.public = public
        self._user = user
        self._role = role
        self._project_id = project_id

    def sign(self, message: bytes) -> bytes:
        """The helper's answer, not verified yet.

        Raises what the helper refused with (LG816 to LG819, LG830, LG831, LG877); Unavailable LG878 when it does
        not run.
        """
        uid = os.geteuid()
        _check_helper(self._project_id, uid)
        command = helper_words(self._role, self._project_id, uid)
        try:
            code, signature, complaint = process.run_as(self._user, command, message)
        except process.CannotStart as error:
            raise self._stopped(str(error)) from None
        if code != 0:
            raise _refusal(code, complaint) or self._stopped(complaint.decode("utf-8", "replace").strip()[:300])
        return signature

    def _stopped(self, why: str) -> Unavailable:
        return Unavailable(
            "LG878",
            f"the key of {self._role} is in the keeping of user {self._user}, whose helper does not run here: {why}",
            seen={"user": self._user, "role": self._role},
            next="sudo lockgate doctor --fix",
        )


def _check_helper(project_id: str, uid: int) -> None:
    """That the script is there and root's alone, with every folder of ours above it.

    Raises Unavailable (LG878); Refused (LG831) when others could change it, or when it is a link or has two names.
    """
    path = helper_path(project_id, uid)
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise Unavailable(
            "LG878",
            "no user of this host keeps keys of yours for this project",
            seen={"file": str(path)},
            next="sudo lockgate doctor --fix",
        ) from None
    folders = [folder.lstat() for folder in path.parents[:3]]
    alone = (status.st_mode, status.st_nlink) == (stat.S_IFREG | HELPER_MODE, 1)
    if not alone or any(changeable(one) or stat.S_ISLNK(one.st_mode) for one in (status, *folders)):
        raise Refused(
            "LG831",
            f"{path} is not a script that only root can write, below folders of which the same is true",
            seen={"file": str(path), "owner": status.st_uid, "mode": f"{stat.S_IMODE(status.st_mode):04o}"},
            next="sudo lockgate doctor --fix",
        )


def _refusal(code: int, complaint: bytes) -> LockgateError | None:
    """The helper's own refusal, raised again as what it is."""
    try:
        told: Any = json.loads(complaint)
        finding, message = str(told["finding"]), str(told["message"])
        seen, after = dict(told["seen"]), str(told["next"])
    except (ValueError, KeyError, TypeError):
        return None
    kind = _CLASSES.get(code)
    known = re.fullmatch(r"LG\d{3,4}", finding) is not None and all(sign.isprintable() for sign in message + after)
    return kind(finding, message, seen=seen, next=after) if kind is not None and known else None
