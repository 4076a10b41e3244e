"""Records and receipts as bytes, by templates: this runs for every request. A property test parses all of it back."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hmac import digest

from lockgate.audit.spool import frame
from lockgate.core.record_kinds import RefusedRecord, request_tag
from lockgate.core.record_suspicion import SuspicionRecord
from lockgate.core.records import MAX_ROWS, SALT_BYTES
from lockgate.serve import rules
from lockgate.serve.recording.entry import Entry
from lockgate.serve.spec import Client, Served, Suspicion

_URL = bytes.maketrans(b"+/", b"-_")
_TOKEN = 44
_SALT_SIGNS = 43
_MOST_CLIENTS = 4096
_MOST_MODELS = 4
_BETWEEN = '","'


@dataclass(slots=True)
class Written:
    """Frames for the spool, the number after the last record, per entry its receipts, and the salts of all of them."""

    frames: bytes
    next: int
    tokens: list[Sequence[str]]
    salts: bytes


def unframed(frames: bytes) -> list[bytes]:
    """The records in frames that this module made."""
    records, at = [], 0
    while at < len(frames):
        end = at + 4 + int.from_bytes(frames[at : at + 4], "little")
        records.append(frames[at + 4 : end])
        at = end + 4
    return records


class Salts:
    """Salts for a number of rows, and how receipts spell them."""

    __slots__ = ("salts", "text")

    def __init__(self, randomness: bytes) -> None:
        """`randomness`: 32 bytes a row."""
        self.salts = salts = [randomness[at : at + SALT_BYTES] for at in range(0, len(randomness), SALT_BYTES)]
        # 33 bytes are 44 signs: each salt begins a group of its own, and its 43 signs are those that it has alone.
        self.text = b2a_base64(b"\0".join((*salts, b"")), newline=False).translate(_URL).decode("ascii")

    def commit(self, row: int, given: bytes, made: bytes) -> tuple[str, str]:
        """`core.records.commitment` of both, which are in the exact encoding, under the salt of `row`."""
        salt = self.salts[row]
        return digest(salt, given, "sha256").hex(), digest(salt, made, "sha256").hex()

    def spelled(self, row: int) -> str:
        """The salt of `row` as a receipt has it."""
        return self.text[row * _TOKEN : row * _TOKEN + _SALT_SIGNS]


@dataclass(frozen=True, slots=True)
class _Head:
    """What the records of one client begin with: those of one row, and those of several."""

    one: str
    several: str


class _Model:
    """What the records of one model have in common, and the heads of its clients."""

    __slots__ = ("heads", "model", "models", "rung", "served")

    def __init__(self, served: Served) -> None:
        self.served = served
        self.heads: dict[str, _Head] = {}
        self.model = f'","model":"{served.manifest}","output":"'
        self.models = f',"model":"{served.manifest}","outputs":["'
        self.rung = f'","rung":"{served.rung}","seq":'


class Writer:
    """Writes the records of one gateway. `pseudonym_key`: of the clients' names, and of their requests' ids."""

    def __init__(self, gateway: str, pseudonym_key: bytes) -> None:
        self._gateway = gateway
        self._key = pseudonym_key
        self._models: list[_Model] = []
        """Those that answer by turns, the one of the last record first."""

    def pseudonym(self, client: Client) -> str:
        """The client's name in records."""
        return rules.pseudonym(self._key, client.name)

    def refused(
        self, served: Served, client: Client, canonical: bytes, finding: str, at: tuple[int, int, bytes]
    ) -> RefusedRecord:
        """The record of a row that gets no answer. `at`: its number, the time, its salt."""
        seq, now, salt = at
        return RefusedRecord(
            gateway=self._gateway,
            seq=seq,
            time=now,
            model=served.manifest,
            environment=served.environment,
            rung=served.rung,
            client=self.pseudonym(client),
            input=Salts(salt).commit(0, canonical, b"")[0],
            finding=finding,
        )

    def suspicion(self, told: Suspicion, seq: int, now: int) -> SuspicionRecord:
        """The record of a step of a suspicion."""
        fields = {**told._asdict(), "counts": dict(told.counts)}
        about = fields.pop("about")
        who = rules.pseudonym(self._key, fields.pop("client"))
        return SuspicionRecord(self._gateway, seq, now, **about._asdict(), client=who, **fields)

    def write(self, entries: Sequence[Entry], seq: int, now: int, randomness: Callable[[int], bytes]) -> Written:
        """The records of `entries` from number `seq` on. `now`: milliseconds; `randomness(n)`: n bytes."""
        drawn = randomness(SALT_BYTES * sum([len(entry.canonical) for entry in entries]))
        salts = Salts(drawn)
        parts: list[bytes] = []
        tokens: list[Sequence[str]] = []
        begin, end, row = f"lgr1.{self._gateway}.", f',"time":{now},"v":1}}', 0
        for entry in entries:
            of = self._of(entry.served)
            head = of.heads.get(entry.client.name) or self._head(of, entry.client)
            if len(entry.canonical) != 1:
                records, own = self._several(entry, of, head, seq, now, salts, row)
                parts += map(frame, records)
                tokens.append(own)
                seq += len(records)
                row += len(entry.canonical)
                continue
            asked, answered = salts.commit(row, entry.canonical[0], entry.encoded[0])
            spelled = salts.spelled(row)
            if entry.id:
                named = f'","id":"{request_tag(self._key, entry.id)}'
                record = self._listed(of, head, named, 0, asked, answered, seq, now)
                tokens.append((f"lgr2.{self._gateway}.{seq}.0.{spelled}",))
            else:
                record = f"{head.one}{asked}{of.model}{answered}{of.rung}{seq}{end}".encode()
                tokens.append((f"{begin}{seq}.{spelled}",))
            parts.append(frame(record))
            seq += 1
            row += 1
        return Written(b"".join(parts), seq, tokens, drawn)

    def _several(
        self, entry: Entry, of: _Model, head: _Head, seq: int, now: int, salts: Salts, row: int
    ) -> tuple[list[bytes], list[str]]:
        """One record for each MAX_ROWS rows of a request, and the receipts of all."""
        both = zip(entry.canonical, entry.encoded, strict=True)
        committed = [salts.commit(row + at, given, made) for at, (given, made) in enumerate(both)]
        named = f'","id":"{request_tag(self._key, entry.id)}' if entry.id else ""
        records, own = [], []
        for first in range(0, len(committed), MAX_ROWS):
            given, made = zip(*committed[first : first + MAX_ROWS], strict=True)
            records.append(self._listed(of, head, named, first, _BETWEEN.join(given), _BETWEEN.join(made), seq, now))
            place = f"lgr2.{self._gateway}.{seq}."
            own += [f"{place}{each}.{salts.spelled(row + first + each)}" for each in range(len(given))]
            seq += 1
        return records, own

    def _listed(
        self, of: _Model, head: _Head, named: str, first: int, given: str, made: str, seq: int, now: int
    ) -> bytes:
        return (
            f'{head.several}{first},"gateway":"{self._gateway}{named}","inputs":["{given}"],"kind":"predictions"'
            f'{of.models}{made}"]{of.rung[1:]}{seq},"time":{now},"v":2}}'
        ).encode()

    def _of(self, served: Served) -> _Model:
        models = self._models
        if models and models[0].served is served:
            return models[0]
        found = next((one for one in models if one.served is served), None) or _Model(served)
        self._models = [found, *(one for one in models if one is not found)][:_MOST_MODELS]
        return found

    def _head(self, of: _Model, client: Client) -> _Head:
        if len(of.heads) >= _MOST_CLIENTS:
            of.heads.clear()
        who = f'{{"client":"{self.pseudonym(client)}","environment":"{of.served.environment}",'
        of.heads[client.name] = head = _Head(f'{who}"gateway":"{self._gateway}","input":"', f'{who}"first":')
        return head
