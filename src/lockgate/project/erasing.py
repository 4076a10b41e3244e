"""Erasing a person: their keys are destroyed, their labels go, and the log says that it was done, not of whom.

1. What is to go is noted (`erasing_note`).   2. It goes.   3. It is looked for again.   4. The log takes the record.
5. The note goes.

Killed anywhere in between, the note stays; `log verify` and `status` say so, and the next erasure, or `--again`, does
what is left. So the log never says that something was destroyed while it is there; what a backup brings back is found
by what the log says (`audit.erasures`), and goes again.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit.erasures import SALT_BYTES, Counts, Erasure, Kind, erase_statement, erasures
from lockgate.core.encoding import LARGEST
from lockgate.core.record_kinds import Of
from lockgate.core.shown_html import Shown
from lockgate.errors import Refused, Unavailable, Usage
from lockgate.project import erasing_note, payload_files
from lockgate.project.admitting import EDGE_SECRETS
from lockgate.project.erasing_note import Note
from lockgate.project.label_files import value_of
from lockgate.project.payload_files import NOBODY, slot_tag
from lockgate.project.payloads import find, gone, place_of
from lockgate.serve.recording import payload_format as form
from lockgate.serve.recording.label_lines import blank_lines, count_lines
from lockgate.serve.recording.labelling import place as place_name
from lockgate.serve.recording.payloads import destroy, subject_tag, tell_gateways
from lockgate.trust import pin
from lockgate.trust._edgefile import edge_secrets

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace
    from lockgate.project.opened import Opened

Slots = Mapping[str, tuple[int, ...]]
_SHOWN = 10
_ROUNDS = 3
"""A running gateway may seal what it had been given before: it is looked for again so often."""
NOT_REACHED = (
    "receipts and answers that clients kept",
    "backups of .lockgate/state (after putting one back: lockgate log erase --again)",
    "copies on flash storage, where overwriting may leave the old block: encrypt the disk",
    "training data: snapshots in .lockgate/data, their quarantine, and the project's own files",
    "what both models on a ladder said of a row (no row), in .lockgate/state/feedback until the candidate leaves",
    "files of `lockgate predict`, and answers of replays in .lockgate/state/replays",
    "what a running gateway was answering just then: `lockgate log erase --again` a few seconds later",
)
"""What erasing does not reach. Told each time."""


@dataclass(frozen=True, repr=False)
class Erased(Shown):
    """What was done. `index`: the log's entry; None: nothing is recorded here (yet).

    `finished`: earlier erasures that had been begun; `again`: keys that a backup had brought back. `of_nobody`:
    payloads that are kept and do not say whom they are about: some may be of this person.
    """

    counts: Counts
    index: int | None
    finished: int = 0
    again: int = 0
    of_nobody: int = 0

    @property
    def not_reached(self) -> tuple[str, ...]:
        """What a person must see to by other ways."""
        if not self.of_nobody:
            return NOT_REACHED
        many = f"{self.of_nobody:,} payloads that do not say whom they are about"
        return (f"{many}: lockgate log erase --receipt RECEIPT, or they go after payload_days", *NOT_REACHED)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        more = {"log_index": self.index, "finished": self.finished, "again": self.again, "of_nobody": self.of_nobody}
        return {**vars(self.counts), **more, "not_reached": list(self.not_reached)}


def erase_subject(project: Opened, text: str, *, reason: str = "", to_file: Path | None = None) -> Erased:
    """Erase all that is kept about a subject. Finishes first what was begun before.

    `text` stands for itself, and where it looks like a number, true or false, for that as well, whole or not: whoever
    writes 4711 need not know whether the contract keeps a text, an int or a float.

    Raises Usage LG7068 for a reason that names it; Refused LG670 when nothing is kept of it; as `Opened.workplace`.
    """
    _check_reason(reason, text)
    key = edge_secrets(pin.key_folder(project.trusted_root()) / EDGE_SECRETS).pseudonym
    return _erase(project, "subject", {subject_tag(key, value): {} for value in _spellings(text)}, reason, to_file)


def erase_receipt(project: Opened, text: str, *, reason: str = "", to_file: Path | None = None) -> Erased:
    """Erase one prediction's payload, and with it those of its subject in the same minute, and their labels.

    Raises Refused LG670 when nothing is kept; as `Opened.workplace`.
    """
    keys, body = find(project.home / "state" / "payloads", place_of(text))
    slot = form.PLACE.unpack_from(body)[2]
    part = next(one for one in payload_files.parts(keys.parent, keys.stem.partition(".")[0]) if one.keys == keys)
    if slot not in {at for at, _ in part.keys_of()}:
        raise gone("the key of this payload was destroyed")
    return _erase(project, "payload", {slot_tag(keys.stem, slot): {keys.stem: (slot,)}}, reason, to_file)


def erase_again(project: Opened, *, to_file: Path | None = None) -> Erased:
    """Finish what was begun, and do anew what the log says was done: keys that a backup brought back go.

    So do labels of all that was erased, also those that came, or came back, after it. Raises as `Opened.workplace`.
    """
    with project.workplace(to_file=to_file) as place:
        finished = _finish_all(place)
        again = 0
        for one, found in restored(project.home, place.ledger.statements()):
            again += _destroy(place.home, found, day_of(one.began))
        erased = {part.name: part.erased for part in _parts(place.home) if part.erased}
        return Erased(Counts(keys=again, labels=_labels(place.home, erased, erase=True)), None, finished, again)


def restored(home: Path, statements: Sequence[Evidence]) -> Iterator[tuple[Erasure, Slots]]:
    """Recorded erasures of which keys are there, in parts that were begun before it was recorded. Needs no key.

    Of a part that does not say when it was begun, all. A person may come back later: that is not undone.
    Raises VerificationFailed LG526, LG671.
    """
    done = erasures(statements)
    known = [(part, list(part.keys_of())) for part in _parts(home)] if done else []
    for one in done:
        until = one.time.timestamp()
        found = {
            part.name: tuple(at for at, key in keys if one.is_of(_inner(one.of, part, at, key)))
            for part, keys in known
            if part.began <= until
        }
        there = {name: slots for name, slots in found.items() if slots}
        if there:
            yield one, there


def day_of(moment: datetime) -> int:
    """Days since the epoch."""
    return int(moment.timestamp()) // form.DAY_SECONDS


def _erase(
    project: Opened, kind: Kind, wanted: Mapping[bytes, Slots], reason: str, to_file: Path | None
) -> Erased:  # fmt: skip
    """`wanted`: inner tags, and the slots that are known already."""
    with project.workplace(to_file=to_file) as place:
        # A passphrase is asked for now, not when all is gone.
        place.open_keys("deployer")
        begun = [one for one in erasing_note.notes(place.home) if one.of == kind and one.inner in wanted]
        # What is to be recorded elsewhere is not said twice.
        finished = 0 if place.outbox is not None else _finish_all(place)
        found = {inner: slots for inner, known in wanted.items() if (slots := known or _find(place.home, kind, inner))}
        if not found:
            if begun:
                return Erased(Counts(), None, finished)
            raise _nothing(place.home)
        done = [_begin(place, kind, inner, slots, reason) for inner, slots in found.items()]
        sums = zip(*(astuple(one.counts) for one in done), strict=True)
        left = len(_of_nobody(place.home)) if kind == "subject" else 0
        return Erased(Counts(*map(sum, sums)), done[-1].index, finished, of_nobody=left)


def _nothing(home: Path) -> Refused:
    """Nothing is found of a person; what does not say whom it is about may be theirs all the same."""
    found = _of_nobody(home)
    if not found:
        return gone("nothing is kept of this subject, or its keys were destroyed before")
    return gone(
        f"nothing is kept under this subject; {len(found):,} payloads do not say whom they are about",
        next="lockgate log erase --receipt RECEIPT   # each that is theirs; lockgate log payload reads one",
        payloads=len(found),
        newest=[place_name(of) for of in found[-_SHOWN:]],
    )


def _of_nobody(home: Path) -> list[Of]:
    """Payloads that are there, of which no subject was known: kept without `subject_field`, or without its value."""
    found: list[Of] = []
    for part in _parts(home):
        slots = {at for at, key in part.keys_of() if key.subject == NOBODY}
        found += [of for of, slot in part.places() if slot in slots] if slots else []
    return found


def _begin(place: Workplace, kind: Kind, inner: bytes, slots: Slots, reason: str) -> Erased:
    labels = _labels(place.home, slots, erase=False)
    note = Note(kind, inner, os.urandom(SALT_BYTES), place.now(), reason, slots, labels)
    # 1.
    with _telling_faults():
        erasing_note.keep(place.home, note)
    return _finish(place, note)


def _spellings(text: str) -> list[Any]:
    value = value_of(text)
    found: list[Any] = [text] if value == text else [text, value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST:
        found.append(int(value))
    elif isinstance(value, int) and not isinstance(value, bool):
        found.append(float(value))
    return found


def _finish_all(place: Workplace) -> int:
    """Everything that was begun before; how many. What is recorded elsewhere waits until the log here has it."""
    found = erasing_note.notes(place.home)
    for note in found:
        _finish(place, note)
    return len(found)


def _finish(place: Workplace, note: Note) -> Erased:
    """Steps 2 to 5, as often as it takes."""
    slots: dict[str, tuple[int, ...]] = dict(note.slots)
    left: Slots = {}
    # 2. 3.
    for _ in range(_ROUNDS):
        _destroy(place.home, slots, day_of(note.began))
        left = _find(place.home, note.of, note.inner)
        if not left:
            break
        for name, more in left.items():
            slots[name] = tuple(sorted({*slots.get(name, ()), *more}))
    else:
        # The note stays: it is not recorded before it is done.
        raise Unavailable(
            "LG732",
            "a gateway keeps what this person asks as fast as it is destroyed",
            seen={"keys": sum(map(len, left.values()))},
            next="lockgate log erase --again   # when they ask nothing, or nothing serves",
        )
    labels = max(note.labels, _labels(place.home, slots, erase=True))
    payloads = sum(1 for _ in _places(place.home, slots))
    counts = Counts(sum(map(len, slots.values())), payloads, len(slots), labels)
    # 4.
    known = [one for one in erasures(place.ledger.statements()) if (one.salt, one.tag) == (note.salt, note.tag)]
    index = known[0].evidence.index if known else None
    if index is None:
        statement = erase_statement(
            note.of, note.salt, note.tag, counts, reason=note.reason, began=note.began, now=place.now()
        )
        said = place.record("deployer", statement)
        # Until the log here has it, the note stays.
        if place.outbox is not None:
            return Erased(counts, None)
        index = said.index
    # 5.
    with _telling_faults():
        erasing_note.forget(place.home, note)
    return Erased(counts, index)


def _find(home: Path, kind: Kind, inner: bytes) -> Slots:
    """The slots of every data key that is told by `inner`."""
    found: dict[str, list[int]] = defaultdict(list)
    for part in _parts(home):
        for at, key in part.keys_of():
            if _inner(kind, part, at, key) == inner:
                found[part.name].append(at)
    return {name: tuple(slots) for name, slots in found.items()}


def _inner(kind: Kind, part: payload_files.Part, at: int, key: form.DataKey) -> bytes:
    if kind == "payload":
        return slot_tag(part.name, at)
    return b"" if key.subject == NOBODY else key.subject


def _destroy(home: Path, slots: Slots, day: int) -> int:
    """Overwrite these keys, durable on return; how many. A part that is gone has none."""
    done = 0
    with _telling_faults():
        for name, each in slots.items():
            keys = home / "state" / "payloads" / f"{name}{form.KEYS_ENDING}"
            if keys.exists():
                destroy(keys, each, day=day)
                done += len(each)
        if done:
            tell_gateways(home / "state" / "payloads")
    return done


def _labels(home: Path, slots: Slots, *, erase: bool) -> int:
    """Label lines of the payloads under these keys: how many there are, or were."""
    folder = home / "state" / "feedback"
    if not folder.is_dir():
        return 0
    names = {place_name(of) for of in _places(home, slots)}
    with _telling_faults():
        return (blank_lines if erase else count_lines)(folder, lambda line: line.get("id") in names)


def _places(home: Path, slots: Slots) -> Iterator[Of]:
    for part in _parts(home):
        own = set(slots.get(part.name, ()))
        if own:
            yield from (of for of, slot in part.places() if slot in own)


def _parts(home: Path) -> Iterator[payload_files.Part]:
    with _telling_faults():
        yield from payload_files.parts(home / "state" / "payloads")


_HELP = "lockgate log erase --help"


def _check_reason(reason: str, text: str) -> None:
    words = text.casefold()
    if words and words in reason.casefold():
        raise Usage("LG7068", "the reason names whom it is about, and it stands in the log for ever", next=_HELP)


@contextmanager
def _telling_faults() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            "LG732", f"what is to be erased cannot be read or destroyed: {error}", next="lockgate doctor"
        ) from None
