"""`helper ROLE PROJECT UID`: signs as the user that alone can read that person's key.

The script is root's (`role_places.helper_script`) and calls `main`. sudo lets one person run exactly this, as exactly
that user, so its arguments are root's choice and its input is that person's. It judges the input itself, reads no
variable of the environment, and gives back a signature and nothing else. A refusal is one JSON object on standard
error, and the exit code of its class.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from lockgate.errors import EXIT_USAGE, LockgateError
from lockgate.trust import signer
from lockgate.trust.asked import check_asked
from lockgate.trust.authority import ROLES
from lockgate.trust.dsse import MOST
from lockgate.trust.pin import check_project_id
from lockgate.trust.role_places import key_path

USAGE = "usage: helper ROLE PROJECT UID\n"
_UID = re.compile(r"0|[1-9][0-9]{0,9}")


def answer(role: str, project_id: str, uid: int, message: bytes) -> bytes:
    """The signature over `message` by the key of `role` of the person `uid`, which only this process's user can read.

    Raises what `check_asked` and reading a key file raise; a key with a passphrase is refused (LG872).
    """
    check_asked(message, role, project_id)
    path: Path = key_path(check_project_id(project_id), uid, role)
    return signer.load(path, role).signature(message)


def main(arguments: list[str]) -> int:
    """Entry point. Exit code 0 and the signature on standard output, or a refusal."""
    if len(arguments) != 3 or arguments[0] not in ROLES or not _UID.fullmatch(arguments[2]):
        sys.stderr.write(USAGE)
        return EXIT_USAGE
    try:
        signature = answer(arguments[0], arguments[1], int(arguments[2]), sys.stdin.buffer.read(MOST + 1))
    except LockgateError as error:
        sys.stderr.write(json.dumps(error.as_json(), default=str))
        return error.exit_code
    sys.stdout.buffer.write(signature)
    return 0
