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
from lockgate.store.files import open_nofollow, read_fd
from lockgate.trust.keys import PublicKey
from lockgate.trust.role_places import INTERPRETER, helper_path, helper_words

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
        command = helper_words(_interpreter(self._project_id, uid), self._role, self._project_id, uid)
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


def _interpreter(project_id: str, uid: int) -> str:
    """The interpreter that root named. Raises Unavailable (LG878); Refused (LG831) when others could name another."""
    path = helper_path(project_id, uid)
    try:
        fd = open_nofollow(path)
    except FileNotFoundError:
        raise Unavailable(
            "LG878",
            "no user of this host keeps keys of yours for this project",
            seen={"file": str(path)},
            next="sudo lockgate doctor --fix",
        ) from None
    try:
        status = os.fstat(fd)
        found = read_fd(fd, 4096).decode("utf-8", "replace").removesuffix("\n")
    finally:
        os.close(fd)
    if status.st_uid != 0 or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or not INTERPRETER.fullmatch(found):
        raise Refused(
            "LG831",
            f"{path} is not a file that only root can write, with the path of an interpreter",
            seen={"file": str(path), "owner": status.st_uid},
            next="sudo lockgate doctor --fix",
        )
    return found


def _refusal(code: int, complaint: bytes) -> LockgateError | None:
    """The helper's own refusal, raised again as what it is."""
    try:
        told: Any = json.loads(complaint)
        finding, message = str(told["finding"]), str(told["message"])
        seen, after = dict(told["seen"]), str(told["next"])
    except (ValueError, KeyError, TypeError):
        return None
    kind = _CLASSES.get(code)
    known = re.fullmatch(r"LG\d{3}", finding) is not None and all(sign.isprintable() for sign in message + after)
    return kind(finding, message, seen=seen, next=after) if kind is not None and known else None
