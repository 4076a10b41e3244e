"""Takes the logs' checkpoints to the witnesses that the policy names, while a house runs: every minute, and soon after
the event log has grown.

Off the supervisor's path, in a thread: a witness that does not answer holds up nobody, and no log ever waits for one.
The lines for the event log are put beside its checkpoint here, under the log's lock; those for the predictions go to
the sealer, which alone writes there. Nothing is believed of a witness but signatures that verify; what it has seen of
another log than this is an alarm, told at once, and again every hour for as long as it says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit import cosigned
from lockgate.audit.ledger import EVENTS, PREDICTIONS, origin
from lockgate.audit.log import Log
from lockgate.audit.seen import SeenStore
from lockgate.audit.witness import diary
from lockgate.audit.witness.client import Outcome, Post, poster
from lockgate.audit.witness.collect import collect
from lockgate.audit.witness.diary import ALARMING, Round
from lockgate.errors import LockgateError
from lockgate.trust import pin
from lockgate.trust.policy_witness import Witness

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace
    from lockgate.supervise.book import Book

SECONDS = 60.0
LEAST_SECONDS = 5.0
AGAIN_SECONDS = 3600.0
TELL_SECONDS = 10.0


@dataclass(frozen=True)
class Carried:
    """A log to be cosigned. `open` gives it verified; `lock`: the file that its writers hold besides its folder.

    `here`: whether its checkpoint is written here; of another, the lines are handed on.
    """

    name: str
    folder: Path
    open: Callable[[], Log]
    lock: Path | None = None
    here: bool = True


@dataclass(frozen=True)
class Lines:
    """What the sealer is to put beside its checkpoint: the witnesses' keys, and their lines."""

    vkeys: tuple[str, ...]
    lines: bytes


class Courier:
    """One round at a time. `witnesses` is asked on the supervisor's path, everything else happens in the thread."""

    def __init__(
        self,
        home: Path,
        logs: Sequence[Carried],
        witnesses: Callable[[], Sequence[Witness]],
        say: Callable[[str], None],
        now: Callable[[], float],
        *,
        post: Post | None = None,
    ) -> None:
        """`now`: POSIX seconds, for the diary."""
        self._home = home
        self._logs = tuple(logs)
        self._witnesses = witnesses
        self._say = say
        self._now = now
        self._post = post or poster()
        self._thread: threading.Thread | None = None
        self._due, self._size = 0.0, 0
        self._tell_due, self._ever = 0.0, False
        self._begun = -LEAST_SECONDS
        self._guard = threading.Lock()
        self._sentences: list[tuple[str, str, bool]] = []
        self._lines: list[Lines] = []
        self._told: dict[str, tuple[str, float]] = {}
        self.alarming = False
        """Whether a witness said in the last round that it has seen another log, or a longer one."""

    def step(self, now: float, size: int = 0) -> list[Lines]:
        """Begin a round when one is due, or the event log has grown; tell what the last one gave.

        `now`: monotonic seconds; `size`: of the event log. Gives the lines that the sealer is to have.
        """
        with self._guard:
            sentences, self._sentences = self._sentences, []
            lines, self._lines = self._lines, []
        for key, sentence, is_good in sentences:
            self._tell(key, sentence, now, is_good=is_good)
        if size != self._size:
            self._size = size
            self._due = min(self._due, max(now, self._begun + LEAST_SECONDS))
        if now >= self._due and (self._thread is None or not self._thread.is_alive()):
            self._due, self._begun = now + SECONDS, now
            asked = tuple(one for one in self._witnesses() if one.url)
            if asked:
                self._thread = threading.Thread(target=self._round, args=(asked,), name="courier", daemon=True)
                self._thread.start()
        return lines

    def to_tell(self, now: float) -> bool:
        """Whether it is time to tell gateways, of which one may have started anew, how `alarming` stands."""
        if now < self._tell_due or not self._ever:
            return False
        self._tell_due = now + TELL_SECONDS
        return True

    def wait(self, seconds: float) -> None:
        """Until the round that runs is over."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _round(self, witnesses: Sequence[Witness]) -> None:
        alarming = False
        for one in self._logs:
            try:
                found = self._collect(one, witnesses)
            except (LockgateError, OSError) as error:
                words = f"{error.finding} {error.message}" if isinstance(error, LockgateError) else str(error)
                with self._guard:
                    self._sentences.append((one.name, f"witnesses: {one.name}: {words}", False))
                continue
            if found is not None:
                alarming = alarming or bool(found.alarms)
                with self._guard:
                    self._sentences += [_sentence(found, each) for each in found.outcomes]
        self.alarming, self._ever = alarming, True

    def _collect(self, one: Carried, witnesses: Sequence[Witness]) -> Round | None:
        if not (one.folder / "checkpoint").is_file():
            return None
        found = collect(one.name, one.open, witnesses, cosigned.kept(self._home, one.name), self._post)
        if found.lines and one.here:
            cosigned.attach(one.folder, found.lines, [each.key for each in witnesses], lock=one.lock)
        elif found.lines:
            lines = "".join(f"{each.line()}\n" for each in found.lines).encode()
            with self._guard:
                self._lines.append(Lines(tuple(each.key.line() for each in witnesses), lines))
        diary.keep(self._home, found, self._now())
        return found

    def _tell(self, key: str, sentence: str, now: float, *, is_good: bool) -> None:
        """What a witness says is told when it changes; what is wrong again every hour; that all is well never."""
        before, since = self._told.get(key, ("", 0.0))
        state = "" if is_good else sentence
        if state and (state != before or now - since >= AGAIN_SECONDS):
            self._say(sentence)
            self._told[key] = state, now
        elif not state:
            if before:
                self._say(sentence)
            self._told[key] = "", now


def courier_of(workplace: Workplace, book: Book, predictions: Callable[[], Log]) -> Courier:
    """That of a project's own house. `predictions` opens the log of predictions, verified.

    The event log is opened with the keys of now: the sealer's is not rotated while a house runs.
    """
    ledger, home = workplace.ledger, workplace.home
    key, former, name = ledger.roles.sealer_key(), ledger.former_sealers, origin(ledger.root, EVENTS)
    seen = SeenStore(pin.seen_folder(ledger.root) / EVENTS, keep=False)
    folder = home / "log" / EVENTS

    def events() -> Log:
        return Log.open(folder, public_key=key, origin=name, seen=seen, former=former)

    logs = (
        Carried(EVENTS, folder, events, home / "state" / "locks" / EVENTS),
        Carried(PREDICTIONS, home / "log" / PREDICTIONS, predictions, here=False),
    )
    return Courier(home, logs, lambda: book.witnesses, workplace.say, lambda: workplace.now().timestamp())


def _sentence(found: Round, one: Outcome) -> tuple[str, str, bool]:
    mark = "ALARM " if one.state in ALARMING else ""
    return f"{found.log} {one.witness}", f"{mark}witnesses: {found.sentence(one)}", one.state == "cosigned"
