"""A machine that serves a mirror: its own prediction log, and the thread that keeps asking the registry.

The machine has no key of the roles file. Its prediction log is another log than the project's, sealed by a key that is
made at the first serve and lies in this user's key folder. No roles file names it: who reads a receipt of this machine
trusts this machine's user for "this was answered here", and the project's root for everything else.

    $XDG_CONFIG_HOME/lockgate/<project id>/stations/<station>/sealer.key, sealer.pub
    <station>: 16 hex digits of SHA-256 of the mirror's absolute path; the log's origin ends in it
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from lockgate.audit import deployments
from lockgate.audit.entries import Registration
from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.origins import registration_of
from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError, Unavailable, Usage
from lockgate.project.carry import mirror
from lockgate.project.carry.fetching import fetch_model, log_artifact
from lockgate.project.carry.pulling import Asked, keep, known_blobs, locked_home, pull_to_mirror, stage_log
from lockgate.project.carry.remote import UNREACHABLE, connect
from lockgate.store.files import writing
from lockgate.trust import pin as pins
from lockgate.trust.keyring import Keyring
from lockgate.trust.keys import PublicKey

FOLLOW_SECONDS = 10.0
"""How often a serving mirror asks its registry for a newer log."""
LEAST_STALE = 60.0
JOIN_SECONDS = 2.0
SEALER = "sealer"


@dataclass(frozen=True)
class Station:
    """The keys of one mirror on this machine. `place`: the mirror's folder."""

    root: str
    place: Path

    @property
    def name(self) -> str:
        """16 hex digits that follow from the place: two mirrors of one project have two logs."""
        return hashlib.sha256(str(self.place.resolve()).encode()).hexdigest()[:16]

    @property
    def folder(self) -> Path:
        """Where its key is."""
        return pins.key_folder(self.root) / "stations" / self.name

    @property
    def log(self) -> str:
        """Under which name the last checkpoint of its prediction log is kept as seen."""
        return f"{PREDICTIONS}-{self.name}"

    @property
    def origin(self) -> str:
        """The name of its prediction log: never that of the project's."""
        return f"{origin(self.root, PREDICTIONS)}/{self.name}"

    @property
    def keyring(self) -> Keyring:
        """Its one key, in a folder in which nothing of the project's roles is looked for."""
        return Keyring(self.root, self.folder, self.folder / "none")

    def public(self) -> PublicKey | None:
        """Its public key; None when nothing was ever served here. Raises VerificationFailed LG834."""
        return self.keyring.public(SEALER) if (self.folder / f"{SEALER}.pub").is_file() else None

    def make(self) -> PublicKey:
        """Its public key; the pair is made where there is none. Raises as `Keyring.create`."""
        found = self.public()
        if found is None:
            with writing(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            found = self.keyring.create(SEALER)
        return found


def arrive(asked: Asked, place: Path, stale_after: float, say: Callable[[str], None]) -> tuple[str, float]:
    """Pull before serving; the REF to serve, and how many seconds ago the registry answered.

    When the registry cannot be reached, what the mirror holds will do for as long as `stale_after` allows, counted
    from when it last answered. Raises what `pull_to_mirror` raises; Unavailable LG898.
    """
    try:
        return pull_to_mirror(asked, place).ref, 0.0
    except LockgateError as error:
        before = mirror.read_mirror(place / ".lockgate")
        if error.finding not in UNREACHABLE or before is None:
            raise
        age = before.age(asked.now())
        # A clock that was set back would make an old mirror young for ever.
        if not timedelta(0) <= age <= timedelta(seconds=stale_after):
            raise _stale(asked, age.total_seconds(), stale_after) from None
        say(f"{asked.reference.registry} is not reached; served is what was pulled {age} ago: {error.message}")
        if asked.reference.tag or asked.reference.digest:
            say("the tag cannot be asked for now: served is what the mirror's log says is live")
        return "", age.total_seconds()


class Follower(threading.Thread):
    """Asks the registry every `FOLLOW_SECONDS` for a newer log, and installs what verifies.

    Runs in the supervisor, never in the gateway, whose jail has no network. What it brings is read by the gateway
    from the mirror's folder, where it verifies all of it again.
    """

    def __init__(
        self,
        asked: Asked,
        place: Path,
        name: str,
        *,
        age: float,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`name`: of the model that is served; `age`: how many seconds ago the registry answered."""
        super().__init__(name="follower", daemon=True)
        self._asked = asked
        self._place = place
        self._name = name
        self._say = say
        self._clock = clock
        self._heard = clock() - age
        self._told = ""
        self._end = threading.Event()

    def run(self) -> None:
        """Until `end`."""
        while not self._end.wait(FOLLOW_SECONDS):
            self.look()

    def end(self) -> None:
        """Ask no more; what is being fetched is left where it is."""
        self._end.set()
        self.join(JOIN_SECONDS)

    def check(self, stale_after: float) -> None:
        """Raises Unavailable LG898 when no log that verifies came for longer than `stale_after` seconds."""
        age = self._clock() - self._heard
        if age > stale_after:
            raise _stale(self._asked, age, stale_after)

    def lately(self) -> bool:
        """Whether the registry gave a log that verifies within its last two turns: what is here is the newest."""
        return self._clock() - self._heard <= 2 * FOLLOW_SECONDS

    def look(self) -> None:
        """Ask once. A failure is said once, and leaves what is installed as it is."""
        try:
            follow(self._asked, self._place, self._name, say=self._say)
        except LockgateError as error:
            told = f"{error.finding} {error.message}"
        except OSError as error:
            told = f"LG880 {error.strerror or error}"
        else:
            self._heard, told = self._clock(), ""
            if self._told:
                self._say(f"{self._asked.reference.registry} answers again")
        if told and told != self._told:
            self._say(f"what is served stays as it is, the registry gives nothing newer: {told}")
        self._told = told


def follow(asked: Asked, place: Path, name: str, *, say: Callable[[str], None]) -> bool:
    """Install the registry's log if it is another than the mirror's; whether it was.

    The model that the new log makes live is fetched first, and the one that it puts on the ladder. When one cannot be
    had, the log is installed all the same: it may revoke what is being served, and the gateway answers nothing that it
    does not hold.
    """
    home = place / ".lockgate"
    with closing(connect(asked.reference)) as remote, locked_home(home):
        manifest = log_artifact(remote, asked.reference.name)
        before = mirror.read_mirror(home)
        if before is not None and before.artifact == digest_of(manifest):
            mirror.write_mirror(home, replace(before, asked=asked.now()))
            return False
        asked = replace(asked, name=name)
        staged = stage_log(asked, remote, home, manifest=manifest)
        statements = staged.ledger.statements()
        models: list[Registration] = []
        try:
            for deployment in deployments.standing_now(asked.environment, name, statements):
                if before and deployment.manifest in before.models:
                    continue
                one = registration_of(deployment, statements)
                fetch_model(remote, staged, one, known=known_blobs(home))
                models.append(one)
        except LockgateError as error:
            say(f"what stands in {asked.environment} now cannot be had: {error.finding} {error.message}")
        keep(asked, staged, place, models)
        say(f"the event log has {staged.ledger.checkpoint.size} entries now")
    return True


def parse_stale(hours: float) -> float:
    """`--stale-after` in seconds. Raises Usage LG940."""
    seconds = hours * 3600
    if not LEAST_STALE <= seconds <= 365 * 24 * 3600:
        message = f"--stale-after expects hours, from a minute (0.02) to a year, not {hours}"
        raise Usage("LG940", message, next="lockgate serve --help")
    return seconds


def _stale(asked: Asked, age: float, stale_after: float) -> Unavailable:
    return Unavailable(
        "LG898",
        f"{asked.reference.name} gave no event log that verifies for too long: whether what is served was revoked"
        " since, nobody here can know",
        seen={"hours": round(age / 3600, 2), "allowed_hours": round(stale_after / 3600, 2)},
        next=f"reach {asked.reference.registry} again, then start again; --stale-after HOURS allows more",
    )
