"""The sealing side of a house: the sealer, whom it may carry, and, where others may append, the intake.

No child is trusted: what the intake says of an appender is held against the list of those who are enrolled and the book
of ids, and what the sealer says has to be a checkpoint of this log.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from lockgate.audit.log import verify_checkpoint
from lockgate.core.encoding import encode
from lockgate.errors import LockgateError, Refused
from lockgate.serve.appending.announced import INTAKE as TAKEN
from lockgate.serve.control import Told
from lockgate.serve.settings import LISTENER_FD, SealerSettings
from lockgate.supervise import jails
from lockgate.supervise.announcing import Announcing, Records
from lockgate.supervise.appenders import OWN, Appender, Appenders
from lockgate.supervise.doors import Start
from lockgate.supervise.household import finding_of, words_of
from lockgate.supervise.ids import APPENDER, DAY_MS
from lockgate.supervise.post import Post
from lockgate.supervise.process import Kept, Process
from lockgate.supervise.reception import Reception
from lockgate.supervise.seldom import Seldom
from lockgate.supervise.taking import Taking
from lockgate.trust.tls_material import Material

SEALER, INTAKE = "sealer", "intake"
RELOAD_SECONDS = 1.0


class Sealed(Records, Protocol):
    """Whose log it is."""

    @property
    def sealer_key(self) -> Callable[[], bytes]:
        """What gives the private key, PEM."""


class Side(Protocol):
    """What a house needs of whoever takes its gateways' records."""

    name: str

    @property
    def kept(self) -> dict[str, Kept]:
        """Its processes; the first must come up."""

    def begun(self, gateway: str, by: str) -> None:
        """A gateway is about to begin. Raises LockgateError."""

    def step(self, now: float) -> None:
        """What is due."""

    def hear(self, name: str, told: Told, now: float) -> bool:
        """What a process said, if it is one of these."""

    def close(self) -> None:
        """Let go of what is held."""


class SealingSide:
    """`sealed` gets each checkpoint that verified, `carried` how far the log has which gateway."""

    name = SEALER

    def __init__(
        self,
        own: Sealed,
        post: Post,
        say: Callable[[str], None],
        start: Start,
        *,
        sealed: Callable[[bytes], None],
        carried: Callable[[Told], None],
        taking: Taking | None = None,
    ) -> None:
        """Raises Unavailable LG626 where the socket cannot be."""
        self._own = own
        self._post = post
        self._say = say
        self._start = start
        self._sealed_to = sealed
        self._carried_to = carried
        self._announcing = Announcing(own.home, SEALER, own.predictions_origin, post, say)
        self._sealer = Kept(SEALER, self._start_sealer)
        self._intake: Intake | None = None
        if taking is not None:
            self._intake = Intake(own, post, say, start, taking, self._announcing)

    @property
    def kept(self) -> dict[str, Kept]:
        """The sealer, then the intake."""
        return {SEALER: self._sealer} | ({INTAKE: self._intake.kept} if self._intake is not None else {})

    def begun(self, gateway: str, by: str) -> None:
        """A gateway is about to begin: into the book, and the sealer is told. Raises LockgateError."""
        self._announcing.begun(gateway, by)

    def step(self, now: float) -> None:
        """Who knocked, and what has changed of who may."""
        self._announcing.step(now)
        if self._intake is not None:
            self._intake.step(now)

    def hear(self, name: str, told: Told, now: float) -> bool:
        """What sealer or intake said."""
        if name == INTAKE and self._intake is not None:
            if told.what == "kept":
                self._post.tell(SEALER, "look")
            else:
                self._intake.hear(told)
        elif name != SEALER:
            return False
        elif told.what == "sealed":
            self._sealed(told.payload)
        elif told.what == "carried":
            self._carried_to(told)
            if self._intake is not None:
                self._intake.carried(told)
        elif told.what == "unknown":
            self._announcing.asked(told, now)
        elif told.what == "failed":
            self._say(f"sealer: {finding_of(told)} {words_of(told, 'message')}")
        return True

    def close(self) -> None:
        """Listen no more."""
        if self._intake is not None:
            self._intake.close()

    def _start_sealer(self) -> Process:
        own = self._own
        settings = SealerSettings(own.predictions_origin, own.sealer_public.hex())
        process = self._start(SEALER, *jails.sealer(own.home, settings), {})
        self._post.tell(SEALER, "key", own.sealer_key())
        self._post.tell(SEALER, "seen", own.predictions_seen.load() or b"")
        self._announcing.lying()
        if self._intake is not None:
            self._announcing.announce(self._intake.claimed(), TAKEN)
        return process

    def _sealed(self, note: bytes) -> None:
        """Keep the checkpoint that the sealer signed as seen, if it is one."""
        try:
            verify_checkpoint(note, self._own.sealer_public, self._own.predictions_origin)
            self._own.predictions_seen.advance(note)
        except LockgateError as error:
            self._say(f"sealer: {error.finding} {error.message}")
            return
        if self._intake is not None:
            self._intake.note = note
        self._sealed_to(note)


class Intake:
    """The supervisor's part in the intake: who may append, whose each gateway is, and connections of this machine."""

    def __init__(
        self,
        own: Sealed,
        post: Post,
        say: Callable[[str], None],
        start: Start,
        taking: Taking,
        announcing: Announcing,
    ) -> None:
        self._own = own
        self._post = post
        self._say = say
        self._start = start
        self._taking = taking
        self._announcing = announcing
        self._appenders = Appenders(own.home)
        self._unread = ""
        self._nobody = False
        self._enrolled: tuple[Appender, ...] = self._read()
        self._handed: dict[str, bytes] = {}
        self._waiting: dict[str, str] = {}
        """Gateways that an appender said, and of which the sealer has not said yet how far the log has them."""
        self._due = 0.0
        self.note = b""
        self.kept = Kept(INTAKE, self._start_intake)
        self._seldom = Seldom(say)
        self._came: set[str] = set()
        """Users of this machine, by the name they are enrolled under, of whom a connection was handed over."""
        self._reception = Reception(taking.socket, open_to_all=self._any_uid()) if taking.socket else None

    def step(self, now: float) -> None:
        """Hand over who knocked, and what has changed."""
        if self._reception is not None:
            for sock, uid, name in self._reception.step(self._users()):
                with sock:
                    if name:
                        self._came.add(name)
                        self._post.tell(INTAKE, "peer", files=(sock.fileno(),), appender=name)
                    else:
                        self._seldom.tell(
                            f"uid {uid}", f"intake: LG7023 user {uid} of this machine is not enrolled as an appender"
                        )
        if now >= self._due:
            self._due = now + RELOAD_SECONDS
            self._enrolled = self._read()
            if self._reception is not None:
                self._reception.admit(open_to_all=self._any_uid())
            self._hand()

    def hear(self, told: Told) -> None:
        """What the intake said."""
        if told.what == "claim":
            self._claim(words_of(told, "gateway"), words_of(told, "appender"))
        elif told.what == "lying":
            self._lying(told)
        elif told.what == "failed":
            finding, message = finding_of(told), words_of(told, "message")
            # Of one appender, or of one stranger's address: what stands before the colon.
            self._seldom.tell(f"{finding} {message.partition(':')[0]}", f"intake: {finding} {message}")

    def carried(self, told: Told) -> None:
        """The sealer's word of how far the log has whom: the intake learns it of its own."""
        found = told.header.get("next")
        if not isinstance(found, Mapping):
            return
        own = {
            gateway: number
            for gateway, number in found.items()
            if type(number) is int and number >= 0 and self._announcing.is_known(str(gateway), TAKEN)
        }
        for gateway in self._waiting.keys() & own.keys():
            del self._waiting[gateway]
            self._post.tell(INTAKE, "allowed", gateway=gateway, next=own[gateway])
        if own:
            places = told.header.get("at")
            at = places if isinstance(places, Mapping) else {}
            at = {gateway: at[gateway] for gateway in own if type(at.get(gateway)) is int and at[gateway] >= 0}
            note = self.note or self._own.predictions_seen.load() or b""
            self._post.tell(INTAKE, "sealed", note, next=own, at=at)

    def claimed(self) -> list[str]:
        """Gateways of which the sealer must still say how far the log has them."""
        return list(self._waiting)

    def close(self) -> None:
        """Listen no more."""
        if self._reception is not None:
            self._reception.close()

    def _claim(self, gateway: str, appender: str) -> None:
        """An appender says that this gateway is its own: so it is, if nobody said so before.

        1. The appender is enrolled; one that is known by its user also came here, for the intake's word is not enough.
        2. It has not begun too many today.   3. The book has the id for nobody else.
        4. The sealer says how far the log has it: then the intake may take its records.
        """
        ids = self._announcing.ids
        by = APPENDER + appender
        try:
            # 1.
            by_certificate = any(one.name == appender and one.fingerprint for one in self._enrolled)
            if not by_certificate and appender not in self._came.intersection(self._users().values()):
                raise Refused("LG7023", f"{appender} is not enrolled", next="lockgate log appender list")
            # 2.
            began = ids.find(gateway)
            if began is None and ids.many(by, int(time.time() * 1000) - DAY_MS) >= self._taking.limits.ids:
                raise Refused("LG7025", f"{appender} began too many gateways today", next="lockgate explain LG7025")
            # 3.
            ids.add(gateway, by=by, log=self._own.predictions_origin)
        except LockgateError as no:
            self._seldom.tell(
                f"{no.finding} appender {appender}", f"intake: {no.finding} appender {appender}: {no.message}"
            )
            self._post.tell(INTAKE, "denied", gateway=gateway, finding=no.finding, message=no.message)
            return
        # 4.
        self._waiting[gateway] = appender
        self._announcing.announce([gateway], TAKEN)

    def _lying(self, told: Told) -> None:
        """Whose the files are that lay in the intake's folder when it came up."""
        lying = told.header.get("gateways")
        names = [one for one in lying if isinstance(one, str)] if isinstance(lying, list) else []
        known = [one for one in names if self._announcing.is_known(one, TAKEN)]
        owners = {}
        for gateway in known:
            began = self._announcing.ids.find(gateway)
            if began is not None:
                owners[gateway] = began.by.removeprefix(APPENDER)
        self._post.tell(INTAKE, "owners", of=owners)
        self._announcing.announce(known, TAKEN)

    def _start_intake(self) -> Process:
        listener = self._taking.listener
        descriptors = {} if listener is None else {LISTENER_FD: listener.fileno(0)}
        process = self._start(INTAKE, *jails.intake(self._own.home, listening=listener is not None), descriptors)
        self._handed = {}
        self._hand()
        return process

    def _hand(self) -> None:
        """What it has not yet: who is enrolled, then what TLS is served with."""
        known = {one.fingerprint: one.name for one in self._enrolled if one.fingerprint}
        known |= {f"user {uid}": name for uid, name in self._users().items()}
        for what, data in (("appenders", encode(known)), ("tls", self._material())):
            if self._handed.get(what) != data and self._post.hears(INTAKE):
                self._handed[what] = data
                self._post.tell(INTAKE, what, data)

    def _material(self) -> bytes:
        """The certificate and its key, and as authorities those given and each enrolled certificate. b"" for nobody."""
        if self._taking.listener is None:
            return b""
        given = Material.parse(self._taking.tls())
        authorities = [given.client_ca, *(one.certificate for one in self._enrolled)]
        trusted = "\n".join(filter(None, authorities))
        if not trusted and not self._nobody:
            self._say("intake: LG7023 nobody is enrolled: no other machine is heard. Next: lockgate log appender add")
        self._nobody = not trusted
        return Material(given.certificate, given.key, trusted, "required").encode() if trusted else b""

    def _users(self) -> dict[int, str]:
        return {self._taking.uid: OWN} | {one.uid: one.name for one in self._enrolled if one.uid >= 0}

    def _any_uid(self) -> bool:
        return any(one.uid >= 0 for one in self._enrolled)

    def _read(self) -> tuple[Appender, ...]:
        """Who is enrolled. A file that cannot be read enrols nobody."""
        try:
            found = self._appenders.read()
        except LockgateError as error:
            found, told = (), f"intake: {error.finding} {error.message}"
        else:
            told = ""
        if told and told != self._unread:
            self._say(told)
        self._unread = told
        return found
