"""What a unit of systemd needs to know of a project, its user and this machine."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.errors import Refused, Usage
from lockgate.export.systemd import UnitSpec
from lockgate.trust import pin as pins

if TYPE_CHECKING:
    from lockgate.project import Project

EDGE_SECRETS = "edge.json"
SEALER_KEY = "sealer.key"
_HOMES = ("/home", "/root", "/run/user")
_PRIVATE = (".ssh", ".gnupg")


def asked_unit(
    project: Project, *, environment: str, host: str, port: int | None, tls_cert: str = "", tls_key: str = ""
) -> UnitSpec:
    """The service of `project`, run by the user who asks.

    1. Not root: each jail is made by giving up being root, and a service that may not, cannot.   2. There is a client:
    the edge's secrets are made with the first, in a folder that the service may only read.   3. It writes to the
    evidence, to the last checkpoints seen and to the cache of wheels, and reads one role's key.

    Raises Usage LG680 for root, Refused LG682 without clients, and what `trusted_root` raises.
    """
    # 1.
    if os.geteuid() == 0:
        raise Usage("LG680", "a gateway is not served as root", next="sudo -u USER lockgate export systemd -C PROJECT")
    # 2.
    trusted = project.trusted_root()
    keys = pins.key_folder(trusted)
    if not (keys / EDGE_SECRETS).is_file():
        raise Refused("LG682", "there is no client yet, so nobody could ask", next="lockgate clients add NAME")
    # 3.
    account = pwd.getpwuid(os.geteuid())
    home = Path(account.pw_dir)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "lockgate"
    writable = (str(project.home), *(f"-{path}" for path in (pins.state_home() / trusted, cache)))
    hidden = [path for path in sorted(keys.glob("*.key")) if path.name != SEALER_KEY]
    hidden += [pins.root_key_path(trusted), *(home / name for name in _PRIVATE)]
    program = (sys.executable, "-I", "-m", "lockgate")
    certificate = str(Path(tls_cert).resolve()) if tls_cert else ""
    places = [program[0], str(project.root), certificate, *map(str, (keys, pins.state_home(), cache))]
    return UnitSpec(
        name=project.config.name,
        project=str(project.root),
        program=program,
        arguments=(
            *("serve", "--log", "json", "--project", str(project.root), "--env", environment, "--host", host),
            *(("--port", str(port)) if port is not None else ()),
            *(("--tls-cert", certificate) if certificate else ()),
            *(("--tls-key", "%d/tls.key") if tls_key else ()),
        ),
        user=account.pw_name,
        writable=writable,
        environment=tuple(
            (name, str(Path(os.environ[name]).resolve()))
            for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
            if os.environ.get(name)
        ),
        credentials=(("tls.key", str(Path(tls_key).resolve())),) if tls_key else (),
        hidden=tuple(map(str, hidden)),
        home=any(place.startswith(f"{one}/") for place in places for one in _HOMES),
    )
