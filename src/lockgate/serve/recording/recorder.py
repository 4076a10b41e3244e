"""Every prediction gets its record before it is answered. The gateway makes the records and signs nothing.

A number is given in the very step that takes the record, so that numbers have no gap and no repeat. The sealer,
another process, carries the records into the log.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lockgate.audit.disk import Disk
from lockgate.audit.spool import frame
from lockgate.core.record_kinds import ObservedRecord, Of, UnrecordedRecord
from lockgate.core.record_window import WindowRecord
from lockgate.core.records import SALT_BYTES, Receipt, Record, parse_receipt
from lockgate.serve.declined import CannotRecord, Declined
from lockgate.serve.recording import labelling
from lockgate.serve.recording.entry import Entry
from lockgate.serve.recording.given import GivenOut
from lockgate.serve.recording.hoping import Hopes, Hoping
from lockgate.serve.recording.keeping import Keeper
from lockgate.serve.recording.labels import LabelKeeper, Line, opener
from lockgate.serve.recording.payloads import Keeping, PayloadKeeper
from lockgate.serve.recording.proving import Prover, Tiles
from lockgate.serve.recording.waking import Bell
from lockgate.serve.recording.writing import Writer, unframed
from lockgate.serve.spec import Client, RecordMode, Served, ServePolicy, Step, Suspicion, Watched, WindowPart
from lockgate.serve.tally import Tally

PATIENCE_SECONDS, TIDY_SECONDS = 5.0, 3600.0
Alarm = Callable[[str, str], None]


def _now() -> int:
    return time.time_ns() // 1_000_000


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
        tiles: Tiles | None = None,
        bell: int | None = None,
        disk: Disk | None = None,
        now: Callable[[], int] = _now,
        randomness: Callable[[int], bytes] = os.urandom,
        **limits: int,
    ) -> None:
        """To be made in a running loop. `patience`: seconds that an answer waits for its record; `now`: milliseconds.
        `feedback`: the folder where labels are handed on. `payloads`, `keeping`: where payloads are kept, and for whom.
        `tiles`: the log, read for the proofs that answers carry where the policy is `sealed`. `bell`: where the sealer
        is woken. `limits`: of the keeper, for tests. Raises LockgateError LG732.
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
        self._bell = Bell(folder, gateway, bell)
        self._prover = Prover(tiles, moved=self._look, failed=self._unproved) if tiles is not None else None
        self._tally = tally
        self._alarm, self._patience = alarm, patience
        self._now = now
        self._randomness = randomness
        self._next = self._in_log = 0
        self._given = GivenOut()
        self._unrecorded, self._since = 0, 0
        self._hopes = Hopes()
        self.in_flight: Callable[[], int] = lambda: 0
        """How many requests are being answered, where somebody counts them."""
        self._stuck: tuple[RecordMode, tuple[int, ...]] | None = None
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
            if self._prover is not None and policy.record != "sealed":
                self._prover.give_up(self._next)

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
        if self._prover is not None and self._policy.record == "sealed":
            self._prover.want(unframed(written.frames), self._next)
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
        self._hopes.add(Hoping(number, mode, self._loop.time() + self._patience, told, requests))
        self._keeper.hurry()
        if mode == "sealed":
            self._bell.ring()

    def proofs(self, receipts: Sequence[str]) -> Sequence[str]:
        """What an answer of these receipts carries: a proof for each of their records, in order. To be asked once, when
        `durable` was True; nothing where the policy demands less than `sealed`, or no log is seen here.
        """
        if self._prover is None or self._policy.record != "sealed":
            return ()
        return self._prover.take(dict.fromkeys(parse_receipt(token).seq for token in receipts))

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
        """Tell those who have waited too long, and forget who was erased. To be called a few times a second."""
        if self._payloads is not None:
            self._payloads.look()
        for late in self._hopes.late(self._loop.time()):
            self._in_vain(late.mode, late.told)
            if self._prover is not None:
                self._prover.give_up(late.number)

    def refuse(self, served: Served, client: Client, canonical: bytes, finding: str) -> str:
        """Record a row that gets no answer; its receipt, or nothing when it cannot be recorded."""
        if self._keeper.full:
            return ""
        salt = self._randomness(SALT_BYTES)
        made = self._writer.refused(served, client, canonical, finding, (self._next, self._now(), salt))
        self._put(made)
        return Receipt(self._gateway, made.seq, salt, 0).token()

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

    def sealed(self, number: int, note: bytes = b"") -> None:
        """The supervisor says that every record below `number` is in the log, under this checkpoint or one before."""
        self._in_log = max(self._in_log, min(number, self._next))
        self._keeper.sealed(self._in_log)
        if self._prover is not None:
            self._prover.heard(note)
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
        if self._prover is not None:
            self._prover.close()
        return self._keeper.close()

    def _stop(self) -> None:
        if self._unrecorded:
            self._own_up()
        self._keeper.stop()
        if self._prover is not None:
            self._prover.stop()
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
        self._hopes.fulfil(self._reached)

    def _reached(self, mode: RecordMode) -> int:
        if mode != "sealed":
            return self._keeper.synced
        reached = min(self._keeper.synced, self._in_log)
        return reached if self._prover is None else min(reached, self._prover.lowest(reached))

    def _progress(self, mode: RecordMode) -> tuple[int, ...]:
        """What an answer waits for, each of it: when any moves, the next may try again."""
        if mode != "sealed":
            return (self._keeper.synced,)
        return self._keeper.synced, self._in_log, self._prover.rounds if self._prover is not None else 0

    def _all_wait(self) -> bool:
        return self._hopes.requests >= self.in_flight()

    def _in_vain(self, mode: RecordMode, told: Callable[[bool | CannotRecord], None]) -> None:
        self._stuck = (mode, self._progress(mode))
        if self._policy.unrecorded == "answer":
            told(False)
        else:
            told(CannotRecord(self._keeper.failing or f"the record was not {mode} in time"))

    def _is_late(self) -> bool:
        """Whether an answer waited in vain, and nothing has moved since: another would, too."""
        return self._stuck == (self.mode, self._progress(self.mode))

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

    def _unproved(self, why: str) -> None:
        self._alarm("LG7000", f"answers wait for proofs that cannot be made: {why}")

    def _unkept(self, rows: int, why: str) -> None:
        """Payloads that are not kept, for the disk fails: counted, told once, and no answer depends on it."""
        if not rows or not self._tally.rows["payload_lost"]:
            self._loop.call_soon_threadsafe(self._alarm, "LG664", f"payloads are not kept: {why}")
        self._tally.rows["payload_lost"] += rows

    def _tidy(self) -> None:
        if self._payloads is not None:
            self._payloads.tidy()
        self._labels.tidy(self._policy.label_days)
        self._tidying = self._loop.call_later(TIDY_SECONDS, self._tidy)

    def _own_up(self) -> None:
        """A record of how many answers had none."""
        rows, self._unrecorded = self._unrecorded, 0
        self._put(UnrecordedRecord(self._gateway, self._next, self._now(), rows, self._since))

    def _hurry(self, *, wanted: bool) -> None:
        try:
            self._bell.hang() if wanted else self._bell.take_down()
        except OSError as error:
            self._alarm("LG7001", f"the sealer cannot be told that answers wait: {error.strerror}")
