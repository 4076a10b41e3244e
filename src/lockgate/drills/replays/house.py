"""Attacks on a gateway that runs, and on what it leaves: its spool, its disk, its sealer, its sight of the log.

Each has a gateway of its own. Who attacks has what the user has who serves: that user's files and processes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import struct
import tomllib
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lockgate.drills.replays.program import Program
from lockgate.drills.replays.records import OK, PREDICT, body, sample, told, until
from lockgate.drills.replays.served import served
from lockgate.drills.replays.spec import Drill, NotApplicable, Tried
from lockgate.drills.replays.within import before, private_keys, processes

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene
    from lockgate.drills.replays.served import Answer, House

_LOG: Final = ("--log", "json")
_GATEWAY, _SEALER = "lockgate.serve.gateway", "lockgate.serve.sealer"
_FRAME: Final = struct.Struct("<I")
_SHORT: Final = 5
"""Seconds: to this a drill lowers `max_staleness`, so that nobody waits for a minute. It is the least that there is."""
_DISK, _PAGE, _REFUSALS = "512k", 24, 1
"""Of the spool, where it is filled; more records than a page of it holds; after how many refusals it is enough."""
_PATIENCE: Final = 20.0


def forged_records(scene: Scene) -> Tried:
    """Plant a spool of records under a gateway's name that nobody began."""
    with served(scene, *_LOG) as house:
        _asked(scene, house, house.key())
        path, records = _spool(scene)
        forged = "f" * 16
        lies = [one.replace(path.stem.encode(), forged.encode()) for one in records]
        planted = path.with_name(f"{forged}.spool")
        planted.write_bytes(b"".join(map(_framed, lies)))
        planted.chmod(0o600)
        until(lambda: "LG7020" in house.said() or _logged(scene, forged), _PATIENCE)
        seen = told(house)
        stopped = house.stop()
    return Tried(f"{len(lies)} records were put into the spool under the name of a gateway that never was",
                 "the sealer of the house", (seen, stopped), reached=_logged(scene, forged))  # fmt: skip


def code_in_gateway(scene: Scene) -> Tried:
    """Do to the gateway's files what code in its process could: look for keys, write another gateway's records.

    The look is from outside, through the root of the process; the writing is into the file that it may write.
    """
    with served(scene, *_LOG) as house:
        _asked(scene, house, house.key())
        path, records = _spool(scene)
        forged = "e" * 16
        number = _number(records[-1]) + 1
        lie = records[-1].replace(path.stem.encode(), forged.encode())
        lie = re.sub(rb'"seq":\d+', b'"seq":%d' % number, lie)
        wanted = [*private_keys(scene.program.home / "config"), scene.home / "state" / "clients.json"]
        pids = processes(house, _GATEWAY)
        if not pids:
            raise house.failed("no process of a drill's gateway is seen")
        sees = before(pids, (path, *wanted))
        if path not in sees:
            raise house.failed("not even the spool is seen where a drill's gateway has it")
        with path.open("ab") as file:
            file.write(_framed(lie))
        until(lambda: "LG633" in house.said() or _logged(scene, forged), _PATIENCE)
        seen = told(house)
        house.stop()
    return Tried(
        f"the files that the gateway's process has before it were searched for {len(wanted)} that hold keys, and a"
        " record of another gateway was written into its spool",
        "the sealer of the house",
        (seen,),
        reached=len(sees) > 1 or _logged(scene, forged),
    )


def full_disk(scene: Scene) -> Tried:
    """Fill the disk of the spool to its last byte, and ask for predictions that nobody records."""
    spool = scene.home / "state" / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    program = _Apart(**vars(scene.program), spool=spool)
    if shutil.which("unshare") is None or not program("explain", "LG613", at=scene.root).ok:
        raise NotApplicable("this user cannot mount a small file system to fill (unshare --user --mount)")
    asked = body([sample(scene)])
    with served(replace(scene, program=program), *_LOG) as house:
        key = house.key()
        _asked(scene, house, key)
        filler = Path(f"/proc/{house.running.process.pid}/root{spool}") / "filler"
        _fill(filler)
        # What is left of the last page takes some records yet.
        answers: list[Answer] = []
        while len(answers) < _PAGE and sum(one.status != OK for one in answers) < _REFUSALS:
            answers.append(house.post(PREDICT, asked, key=key))
        filler.unlink()
        back = until(lambda: house.post(PREDICT, asked, key=key).status == OK, _PATIENCE)
        seen = told(house)
    unrecorded = [one for one in answers if one.status == OK and not one.body["receipts"]]
    return Tried("the file system of the spool was filled to its last byte", f"POST /predict, up to {_PAGE} times",
                 (*(one.body for one in answers), seen), reached=bool(unrecorded) or not back)  # fmt: skip


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def killed_sealer(scene: Scene) -> Tried:
    """Kill the sealer, ask meanwhile, and look whether a record of an answer is missing in the log."""
    with served(scene, *_LOG) as house:
        key = house.key()
        tokens = _asked(scene, house, key)
        for pid in processes(house, _SEALER):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        tokens += _asked(scene, house, key)
        missing = set(tokens)

        def all_sealed() -> bool:
            missing.difference_update([one for one in missing if _sealed(scene, one)])
            return not missing

        until(all_sealed, _PATIENCE)
        seen = told(house)
    return Tried("the sealer was killed while predictions were asked for", "POST /predict, then `lockgate verify`",
                 (seen,), reached=bool(missing))  # fmt: skip


def frozen_log(scene: Scene) -> Tried:
    """Leave the gateway an event log that stands still, and go on asking a model that was revoked meanwhile."""
    _hurried(scene)
    with served(scene, *_LOG) as house:
        key = house.key()
        _asked(scene, house, key)
        # What the gateway sees is the folder that was there when it began; everybody else sees the one in its place.
        events, aside = scene.home / "log" / "events", scene.place / "events-of-before"
        events.rename(aside)
        shutil.copytree(aside, events)
        scene.must("revoke", scene.ref, "--reason", "a drill: this model must not answer any more")
        asked = body([sample(scene)])
        until(lambda: house.post(PREDICT, asked, key=key).status != OK, _PATIENCE)
        answers = [house.post(PREDICT, asked, key=key) for _ in range(3)]
        seen = told(house)
    return Tried(
        f"the gateway's view of the event log was frozen, and the model revoked; after {_SHORT} s without a word it"
        " was asked again",
        "POST /predict",
        (*(one.body for one in answers), seen),
        reached=any(one.status == OK for one in answers),
    )


def _asked(scene: Scene, house: House, key: str) -> list[str]:
    """Ask honestly, twice; the receipts. Raises Unavailable where that is not answered."""
    found = []
    for _ in range(2):
        answer = house.post(PREDICT, body([sample(scene)]), key=key)
        if answer.status != OK:
            raise house.failed(f"an honest request was answered with {answer.status}")
        found += answer.body["receipts"]
    return found


def _spool(scene: Scene) -> tuple[Path, list[bytes]]:
    """The file of the one gateway that runs, and its records."""
    (path,) = (scene.home / "state" / "spool").glob("*.spool")
    data, found, at = path.read_bytes(), [], 0
    while at < len(data):
        (length,) = _FRAME.unpack_from(data, at)
        found.append(data[at + 4 : at + 4 + length])
        at += length + 8
    return path, found


def _framed(record: bytes) -> bytes:
    data = _FRAME.pack(len(record)) + record
    return data + _FRAME.pack(zlib.crc32(data))


def _number(record: bytes) -> int:
    return int(json.loads(record)["seq"])


def _logged(scene: Scene, gateway: str) -> bool:
    """Whether the log of predictions has a record of this gateway."""
    entries = (scene.home / "log" / "predictions").rglob("entries/**/*")
    return any(gateway.encode() in path.read_bytes() for path in entries if path.is_file())


def _sealed(scene: Scene, token: str) -> bool:
    done = scene.lockgate("verify", token)
    return done.ok and done.document.get("state") == "sealed"


@dataclass(frozen=True)
class _Apart(Program):
    """Our program where the spool is a small file system of its own, which nobody else has: no root is needed."""

    spool: Path = Path()

    def _words(self, *words: str) -> tuple[str, ...]:
        script = f'mount -t tmpfs -o size={_DISK},mode=700 tmpfs "$0" && exec "$@"'
        mount = ("--mount", "sh", "-c", script, str(self.spool))
        if os.geteuid() == 0:
            return ("unshare", *mount, *super()._words(*words))
        # Who mounts is root of a namespace; whoever serves is the ordinary user again, as jails want it.
        back = ("unshare", "--user", f"--map-user={os.geteuid()}", f"--map-group={os.getegid()}", "--")
        return ("unshare", "--user", "--map-root-user", *mount, *back, *super()._words(*words))


def _hurried(scene: Scene) -> None:
    """Sign the project's policy with a shorter `max_staleness`; what follows when it is over stays as it is."""
    path = scene.root / "policy.toml"
    text = path.read_text("utf-8") if path.exists() else ""
    policy: Any = tomllib.loads(text)
    head = f"[environment.{scene.lenient}.serve]"
    serve = policy.get("environment", {}).get(scene.lenient, {}).get("serve", {})
    if not text or (serve and f"\n{head}\n" not in text):
        raise NotApplicable("the policy is not in policy.toml, or says `serve` in a form that a drill does not edit")
    text = re.sub(r"(?m)^version\s*=.*$", f"version = {policy['version'] + 1}", text, count=1)
    line = f'{head}\nmax_staleness = "{_SHORT} s"\n'
    if serve:
        text = text.replace(f"{head}\n", line) if "max_staleness" not in serve else re.sub(
            rf"(?ms)^(\[environment\.{scene.lenient}\.serve\]\n.*?)^max_staleness\s*=[^\n]*$",
            rf'\g<1>max_staleness = "{_SHORT} s"', text, count=1)  # fmt: skip
    else:
        text += f"\n{line}"
    path.write_text(text, "utf-8")
    scene.must("policy", "sign")


DRILLS: tuple[Drill, ...] = (
    Drill("forged-records", "plants records under the name of a gateway that never was", "LT20", "announced-spools",
          "LG7020", forged_records, served=True),
    Drill("full-disk", "fills the disk, and asks for predictions that nobody records", "LT27", "record-before-answer",
          "LG613", full_disk, served=True),
    Drill("killed-sealer", "kills the sealer while predictions are asked for", "LT27", "sealing-watched", "LG625",
          killed_sealer, served=True),
    Drill("frozen-log", "leaves the gateway an event log that stands still, while its model is revoked", "LT19",
          "fresh-log", "LG649", frozen_log, served=True,
          limit=f"for as long as the policy's own max_staleness it is answered; the drill lowers that to {_SHORT} s"),
    Drill("code-in-gateway", "looks for keys among the gateway's files, and writes another's records there", "LT26",
          "gateway-jail", "LG633", code_in_gateway, served=True,
          limit="under its own name it can have recorded what it likes, or nothing any more, which is told"),
)  # fmt: skip
"""In the order of what they take away."""
