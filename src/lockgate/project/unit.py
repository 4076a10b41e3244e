"""What units of systemd need to know of a project, its user and this machine."""

from __future__ import annotations

import os
import pwd
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.export.systemd import UnitSpec
from lockgate.store.files import read_regular
from lockgate.trust import pin as pins

if TYPE_CHECKING:
    from lockgate.project import Project

EDGE_SECRETS = "edge.json"
SERVING = ("sealer", "guard")
"""Whose keys a gateway's supervisor uses: one seals what is answered, one takes a model back."""

RUNNING = ("ingester", "validator", "trainer", "judge", "signer", "deployer", "sealer")
"""Whose keys a run that deploys uses."""

_SPARE_MEMORY = 4 << 30
_MOST_LOCK = 4 << 20
_HOMES = ("/home", "/root", "/run/user")
_PRIVATE = (".ssh", ".gnupg")


def asked_unit(
    project: Project, *, environment: str, host: str, port: int | None, tls_cert: str = "", tls_key: str = ""
) -> UnitSpec:
    """The service of `project`, run by the user who asks.

    1. Not root: each jail is made by giving up being root, and a service that may not, cannot.   2. There is a client:
    the edge's secrets are made with the first, in a folder that the service may only read.   3. It writes to the
    evidence, to the last checkpoints seen and to the cache of wheels, and reads the keys of `SERVING`.

    Raises Usage LG680 for root, Refused LG682 without clients, and what `trusted_root` raises.
    """
    # 1.
    here = _here(project, "a gateway is not served as root")
    # 2.
    if not (here.keys / EDGE_SECRETS).is_file():
        raise Refused("LG682", "there is no client yet, so nobody could ask", next="lockgate clients add NAME")
    # 3.
    certificate = str(Path(tls_cert).resolve()) if tls_cert else ""
    return UnitSpec(
        name=project.config.name,
        project=str(project.root),
        program=here.program,
        arguments=(
            *("serve", "--log", "json", "--project", str(project.root), "--env", environment, "--host", host),
            *(("--port", str(port)) if port is not None else ()),
            *(("--tls-cert", certificate) if certificate else ()),
            *(("--tls-key", "%d/tls.key") if tls_key else ()),
        ),
        user=here.user,
        writable=(str(project.home), f"-{here.state / here.trusted}", f"-{here.cache}"),
        environment=here.environment,
        credentials=(("tls.key", str(Path(tls_key).resolve())),) if tls_key else (),
        hidden=here.hidden(SERVING),
        home=here.reads_home(project, certificate),
    )


def asked_schedule(project: Project, *, environment: str) -> UnitSpec:
    """The run of `project` that a timer starts, as the user who asks. Raises as `asked_unit`, but for clients.

    It writes as a gateway does, and where wheels are unpacked; of the keys it reads those of `RUNNING`: it can approve
    nothing, and change neither policy nor roles.
    """
    here = _here(project, "nothing is run as root on a schedule")
    return UnitSpec(
        name=f"{project.config.name}-{environment}-run",
        project=str(project.root),
        program=here.program,
        arguments=("run", "--deploy", "--env", environment, "--json", "--project", str(project.root)),
        user=here.user,
        writable=(str(project.home), f"-{here.state}", f"-{here.cache}"),
        environment=here.environment,
        hidden=here.hidden(RUNNING),
        memory=_most_memory(project) + _SPARE_MEMORY,
        home=here.reads_home(project),
    )


@dataclass(frozen=True)
class _Here:
    """This machine and this user, as far as a unit names them."""

    user: str
    home: Path
    trusted: str
    keys: Path
    state: Path
    cache: Path
    program: tuple[str, ...]

    @property
    def environment(self) -> tuple[tuple[str, str], ...]:
        names = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
        return tuple((name, str(Path(os.environ[name]).resolve())) for name in names if os.environ.get(name))

    def hidden(self, roles: tuple[str, ...]) -> tuple[str, ...]:
        """Every key but those of `roles`, and what else is this user's own."""
        used = {f"{role}.key" for role in roles}
        others = [path for path in sorted(self.keys.glob("*.key")) if path.name not in used]
        own = (self.home / name for name in _PRIVATE)
        return tuple(map(str, (*others, pins.root_key_path(self.trusted), *own)))

    def reads_home(self, project: Project, *more: str) -> bool:
        places = [self.program[0], str(project.root), *more, *map(str, (self.keys, self.state, self.cache))]
        return any(place.startswith(f"{one}/") for place in places for one in _HOMES)


def _here(project: Project, no_root: str) -> _Here:
    if os.geteuid() == 0:
        raise Usage("LG680", no_root, next="sudo -u USER lockgate export systemd -C PROJECT")
    trusted = project.trusted_root()
    account = pwd.getpwuid(os.geteuid())
    home = Path(account.pw_dir)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "lockgate"
    program = (sys.executable, "-I", "-m", "lockgate")
    return _Here(account.pw_name, home, trusted, pins.key_folder(trusted), pins.state_home(), cache, program)


def _most_memory(project: Project) -> int:
    """The most that the jails of a run may take at a time: the judge's runs beside the one that compares with it."""
    from lockgate.pipeline.specs import train_spec

    return 2 * max(train_spec(one.config).limits.memory for one in project.each())


def check_lock(path: Path) -> None:
    """Raises Usage LG557 unless `path` pins lockgate, and each line of it a hash: nothing else is installed."""
    following = f"echo lockgate | uv pip compile --generate-hashes --output-file {path.name} -"
    try:
        text = read_regular(path, _MOST_LOCK).decode()
    except (OSError, ValueError, VerificationFailed):
        raise Usage("LG557", f"there is no {path.name} to install lockgate from", next=following) from None
    entries = re.findall(r"^(?!#|\s)(\S+?)(?:\[[^]]*\])?==(\S+)", text, re.MULTILINE)
    if "lockgate" not in {name.lower() for name, _ in entries} or text.count("--hash=sha256:") < len(entries):
        raise Usage("LG557", f"{path.name} does not pin lockgate and all it needs by hash", next=following)
