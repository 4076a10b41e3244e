"""Every prediction gets its record before it is answered. The gateway makes the records and signs nothing.

A number is given in the very step that takes the record, so that numbers have no gap and no repeat. The sealer,
another process, carries the records into the log.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.audit.disk import Disk
from lockgate.audit.spool import frame
from lockgate.core.record_kinds import ObservedRecord, Of, RefusedRecord, UnrecordedRecord
from lockgate.core.record_window import WindowRecord
from lockgate.core.records import SALT_BYTES, Receipt, Record, parse_receipt
from lockgate.serve.declined import CannotRecord, Declined
from lockgate.serve.recording import labelling
from lockgate.serve.recording.entry import Entry
from lockgate.serve.recording.given import GivenOut
from lockgate.serve.recording.keeping import Keeper
from lockgate.serve.recording.labels import LabelKeeper, Line, opener
from lockgate.serve.recording.parts import hurry_path
from lockgate.serve.recording.payloads import Keeping, PayloadKeeper
from lockgate.serve.recording.writing import Salts, Writer
from lockgate.serve.spec import Client, RecordMode, Served, ServePolicy, Step, Suspicion, Watched, WindowPart
from lockgate.serve.tally import Tally

PATIENCE_SECONDS, TIDY_SECONDS = 5.0, 3600.0
Alarm = Callable[[str, str], None]


def _now() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class _Hoping:
    """Answers that wait until every record below `number` is on the disk, or in the log."""

    number: int
    mode: RecordMode
    until: float
    told: Callable[[bool | CannotRecord], None]
    requests: int


class SpoolRecorder:
    """Writes one gateway's spool, which starts empty: a gateway's id is never used twice.

    `alarm` is told, by finding and sentence, when records begin to wait in memory and when they no longer do.
    """

    def __init__(
        self,
        folder: Path,
        gateway: str,
        *,
        pseudonym_key: bytes,
        tally: Tally,
        alarm: Alarm,
        patience: float = PATIENCE_SECONDS,
        feedback: Path | None = None,
        payloads: Path | None = None,
        keeping: Keeping | None = None,
        disk: Disk | None = None,
        now: Callable[[], int] = _now,
        randomness: Callable[[int], bytes] = os.urandom,
        **limits: int,
    ) -> None:
        """To be made in a running loop. `patience`: seconds that an answer waits for its record; `now`: milliseconds.
        `feedback`: the folder where labels are handed on. `payloads`, `keeping`: where payloads
        are kept, and for whom.

        `limits`: of the keeper, for tests. Raises LockgateError LG732.
        """
        self._folder = folder
        self._gateway = gateway
        self._writer = Writer(gateway, pseudonym_key)
        self._keeper = Keeper(
            folder, gateway, fault=self._told, moved=self._look, all_wait=self._all_wait, disk=disk, **limits
        )
        self._labels = LabelKeeper(folder, feedback)
        self._payloads = None
        if payloads is not None and keeping is not None:
            self._payloads = PayloadKeeper(payloads, gateway, keeping, pseudonym_key=pseudonym_key, lost=self._unkept)
        self._tally = tally
        self._alarm = alarm
        self._patience = patience
        self._now = now
        self._randomness = randomness
        self._next = self._in_log = 0
        self._given = GivenOut()
        self._unrecorded, self._since = 0, 0
        self._hoping: deque[_Hoping] = deque()
        """Answers that wait for their records, in order."""
        self._hopes = 0
        self.in_flight: Callable[[], int] = lambda: 0
        """How many requests are being answered, where somebody counts them."""
        self._stuck: tuple[RecordMode, int] | None = None
        """How far what the policy demands had come when an answer last waited in vain."""
        self._policy = ServePolicy()
        self._loop = asyncio.get_running_loop()
        self._tidying = self._loop.call_later(TIDY_SECONDS, self._tidy)

    @property
    def policy(self) -> ServePolicy:
        """What the signed policy says."""
        return self._policy

    @policy.setter
    def policy(self, policy: ServePolicy) -> None:
        before, self._policy = self._policy, policy
        if (before.record == "sealed") != (policy.record == "sealed"):
            self._hurry(wanted=policy.record == "sealed")

    @property
    def mode(self) -> RecordMode:
        """What a record must be before its answer leaves."""
        return self._policy.record

    @property
    def written(self) -> int:
        """The number after the last record that was made."""
        return self._next

    @property
    def in_log(self) -> int:
        """The number after the last record of which the supervisor says that it is in the log."""
        return self._in_log

    def write(self, entries: Sequence[Entry]) -> list[Sequence[str]]:
        """Number the records of a batch and hand them to the spool, which has them when this returns.

        While the disk fails they are held in memory, so far as it is given. Past that the policy says: CannotRecord is
        raised, or every entry's receipts are (), and it is counted how many rows went so.
        """
        if self._keeper.full or (self._stuck is not None and self._is_late()):
            return self._let_go(entries)
        if self._unrecorded:
            self._own_up()
        written = self._writer.write(entries, self._next, self._now(), self._randomness)
        self._given.add(written.salts, entries, written.next - self._next)
        self._next = written.next
        self._keeper.put(written.frames, written.next)
        self._tally.rows["recorded"] += sum(map(len, written.tokens))
        if self._payloads is not None and self._policy.payload_days:
            self._payloads.keep(entries, written.tokens, self._policy.payload_days)
        if self._keeper.failing:
            self._tally.now["buffered_records"] = self._keeper.records_held
        return written.tokens

    def when_durable(self, told: Callable[[bool | CannotRecord], None], requests: int = 1) -> None:
        """Call `told`, once, when all that was written so far is what the policy demands: True.

        Else, when it takes too long: False where the policy lets answers go without, or CannotRecord. `requests`: how
        many of them wait for this.
        """
        mode, number = self._policy.record, self._next
        if mode == "written" or number <= self._reached(mode):
            told(True)
            return
        if self._is_late() or (self._keeper.full and self._policy.unrecorded == "answer"):
            self._in_vain(mode, told)
            return
        self._hoping.append(_Hoping(number, mode, self._loop.time() + self._patience, told, requests))
        self._hopes += requests
        self._keeper.hurry()

    async def durable(self) -> bool:
        """`when_durable`, and wait. Raises CannotRecord."""
        waiting: asyncio.Future[bool | CannotRecord] = self._loop.create_future()

        def told(said: bool | CannotRecord) -> None:  # noqa: FBT001 - the one thing that is told
            if not waiting.done():
                waiting.set_result(said)

        self.when_durable(told)
        late = self._loop.call_later(self._patience, self.sweep)
        try:
            said = await waiting
        finally:
            late.cancel()
        if isinstance(said, CannotRecord):
            raise said
        return said

    def sweep(self) -> None:
        """Tell those who have waited too long. To be called a few times a second."""
        now = self._loop.time()
        while self._hoping and self._hoping[0].until <= now:
            late = self._take()
            self._in_vain(late.mode, late.told)

    def refuse(self, served: Served, client: Client, canonical: bytes, finding: str) -> str:
        """Record a row that gets no answer; its receipt, or nothing when it cannot be recorded."""
        if self._keeper.full:
            return ""
        salt = self._randomness(SALT_BYTES)
        seq = self._next
        self._put(
            RefusedRecord(
                gateway=self._gateway,
                seq=seq,
                time=self._now(),
                model=served.manifest,
                environment=served.environment,
                rung=served.rung,
                client=self._writer.pseudonym(client),
                input=Salts(salt).commit(0, canonical, b"")[0],
                finding=finding,
            )
        )
        return Receipt(self._gateway, seq, salt, 0).token()

    def observe(self, step: Step, counts: Mapping[str, int]) -> bool:
        """Record what was counted on a step of a ladder. False when nothing can be recorded now."""
        if self._keeper.full:
            return False
        of: dict[str, Any] = {name: getattr(step, name) for name in ("environment", "rung", "model", "base")}
        self._put(ObservedRecord(self._gateway, self._next, self._now(), **of, step=step.sequence, counts=dict(counts)))
        self._tally.ladder.update(counts)
        return True

    def suspect(self, told: Suspicion) -> bool:
        """Record a step of a suspicion. False when nothing can be recorded now."""
        if self._keeper.full:
            return False
        self._put(self._writer.suspicion(told, self._next, self._now()))
        return True

    def window(self, watched: Watched, parts: Sequence[WindowPart]) -> bool:
        """Record what was counted of a model's rows, all parts together. False when nothing can be recorded now."""
        if self._keeper.full:
            return False
        for part in parts:
            self._put(WindowRecord(self._gateway, self._next, self._now(), **watched._asdict(), **part._asdict()))
        return True

    async def feedback(self, client: Client, labelled: Sequence[tuple[str, Any]]) -> Sequence[str]:
        """Record labels of predictions, by receipt: all or none. A receipt for each.

        1. Each names a prediction, and is a label.   2. None of these predictions has one, as far as is known here.
        3. They are recorded, and that is what the policy demands of a record.   4. Only then they are handed on.

        A process that ends between 3 and 4 may record a label again: the first in the log counts.
        """
        # 1.
        of = labelling.places(labelled, self._gateway, self._given)
        names = [labelling.place(one) for one in of]
        # 2.
        try:
            known = await self._labels.known(names)
        except OSError as error:
            raise CannotRecord(str(error)) from None
        if known:
            raise Declined(409, "LG663", f"{len(known)} of {len(names)} predictions have a label already")
        self._labels.pending.update(names)
        try:
            # 3.
            lines = self._label(client, of, labelled)
            if not await self.durable():
                raise CannotRecord("the labels could not be made durable in time")
            # 4.
            await self._labels.add(lines)
        except OSError as error:
            raise CannotRecord(str(error)) from None
        finally:
            self._labels.pending.difference_update(names)
        return [line.receipt for line in lines]

    def _label(self, client: Client, of: Sequence[Of], labelled: Sequence[tuple[str, Any]]) -> list[Line]:
        if self._keeper.full:
            raise CannotRecord(self._keeper.failing or "the disk does not keep up")
        lines = []
        for one, (token, label) in zip(of, labelled, strict=True):
            salt, now = self._randomness(SALT_BYTES), self._now()
            made = labelling.record(self._gateway, self._next, now, self._writer.pseudonym(client), one, label, salt)
            self._put(made)
            opens = opener(parse_receipt(token))
            lines.append(Line(labelling.place(one), label, labelling.receipt(made, salt), now, opens))
        return lines

    def sealed(self, number: int) -> None:
        """The supervisor says that every record below `number` is in the log."""
        self._in_log = max(self._in_log, min(number, self._next))
        self._keeper.sealed(self._in_log)
        self._look()

    async def end(self) -> None:
        """Write and sync what is left. Nothing is recorded after that."""
        self._stop()
        self._say_lost(await asyncio.to_thread(self._close))

    def close(self) -> None:
        """`end`, blocking the loop."""
        self._stop()
        self._say_lost(self._close())

    def _close(self) -> str:
        if self._payloads is not None:
            self._payloads.close()
        self._labels.close()
        return self._keeper.close()

    def _stop(self) -> None:
        if self._unrecorded:
            self._own_up()
        self._keeper.stop()
        self._tidying.cancel()
        self._hurry(wanted=False)

    def _say_lost(self, why: str) -> None:
        if why:
            self._alarm("LG664", f"records of this gateway were never written: {why}")

    def _put(self, record: Record) -> None:
        """A record that is not on the path of requests."""
        self._next = record.seq + 1
        self._given.skip()
        self._keeper.put(frame(record.encode()), self._next)

    def _look(self) -> None:
        """More is on the disk, or in the log."""
        while self._hoping and self._hoping[0].number <= self._reached(self._hoping[0].mode):
            self._take().told(True)

    def _take(self) -> _Hoping:
        found = self._hoping.popleft()
        self._hopes -= found.requests
        return found

    def _reached(self, mode: RecordMode) -> int:
        return self._keeper.synced if mode != "sealed" else min(self._keeper.synced, self._in_log)

    def _all_wait(self) -> bool:
        return self._hopes >= self.in_flight()

    def _in_vain(self, mode: RecordMode, told: Callable[[bool | CannotRecord], None]) -> None:
        self._stuck = (mode, self._in_log if mode == "sealed" else self._keeper.synced)
        if self._policy.unrecorded == "answer":
            told(False)
        else:
            told(CannotRecord(self._keeper.failing or f"the record was not {mode} in time"))

    def _is_late(self) -> bool:
        """Whether an answer waited in vain, and nothing has moved since: another would, too."""
        return self._stuck == (self._policy.record, self._in_log if self.mode == "sealed" else self._keeper.synced)

    def _let_go(self, entries: Sequence[Entry]) -> list[Sequence[str]]:
        if self._policy.unrecorded != "answer":
            raise CannotRecord(self._keeper.failing or "disk or sealer do not keep up")
        rows = sum(len(entry.canonical) for entry in entries)
        self._since = self._since if self._unrecorded else self._now()
        self._unrecorded += rows
        self._tally.rows["unrecorded"] += rows
        return [()] * len(entries)

    def _told(self, failing: str) -> None:
        """The disk begins to fail, or is back: then the log learns what was answered without it."""
        self._tally.now["buffered_records"] = self._keeper.records_held
        if failing:
            self._alarm("LG664", f"records wait in memory: {failing}")
            return
        self._alarm("LG665", "records are written again")
        if self._unrecorded:
            self._own_up()

    def _unkept(self, rows: int, why: str) -> None:
        """Payloads that are not kept, for the disk fails: counted, told once, and no answer depends on it."""
        if not rows or not self._tally.rows["payload_lost"]:
            self._loop.call_soon_threadsafe(self._alarm, "LG664", f"payloads are not kept: {why}")
        self._tally.rows["payload_lost"] += rows

    def _tidy(self) -> None:
        if self._payloads is not None:
            self._payloads.tidy()
        self._tidying = self._loop.call_later(TIDY_SECONDS, self._tidy)

    def _own_up(self) -> None:
        """A record of how many answers had none."""
        rows, self._unrecorded = self._unrecorded, 0
        self._put(UnrecordedRecord(self._gateway, self._next, self._now(), rows, self._since))

    def _hurry(self, *, wanted: bool) -> None:
        path = hurry_path(self._folder, self._gateway)
        try:
            path.touch(mode=0o600) if wanted else path.unlink(missing_ok=True)
        except OSError as error:
            self._alarm("LG664", f"the sealer cannot be told to hurry: {error.strerror}")
