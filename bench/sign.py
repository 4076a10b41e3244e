"""Signing and verifying a folder: against `hashlib.file_digest` over the same bytes, and against `model_signing`.

    python -m bench.sign [--gigabytes 4] [--rounds 5] [--folder DIR] [--json FILE]

Each measurement is a process of its own, on a warm page cache; the sides take turns within a round, each ratio is
taken within its round, and the median counts. CPU is user and system time of all threads, wall the time of the call
alone (imports stand apart), but for the command lines, where both are those of the whole process. `file_digest` is
called file by file, with two threads by handing them the files, largest first: what a person would write.

Two folders: eight files of unequal sizes, and one big file, which no SHA-256 can split.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

SHARES = (8, 5, 4, 4, 3, 3, 2, 1)
MOST_CPU, LEAST_THREADS, LEAST_AHEAD, MOST_IMPORTS = 1.10, 1.8, 1.0, 1 / 3
TOOL = Path(sys.executable).with_name("model_signing")
OURS = Path(sys.executable).with_name("lockgate")
START = {
    "nothing": "pass",
    "lockgate": "import lockgate.cli.main, lockgate.cli.sign, lockgate.trust.oms_directory, lockgate.trust.signer",
    "model_signing": "import model_signing._cli",
}


@dataclass(frozen=True)
class Cost:
    """Seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Claim:
    """A ratio that is held against a bound."""

    what: str
    rounds: tuple[float, ...]
    bound: float
    least: bool = False

    @property
    def measured(self) -> float:
        """The median."""
        return statistics.median(self.rounds)

    @property
    def holds(self) -> bool:
        """Whether the median keeps the bound."""
        return self.measured >= self.bound if self.least else self.measured <= self.bound

    def as_json(self) -> dict[str, object]:
        """With whether it holds."""
        return {
            "claim": self.what,
            "measured": round(self.measured, 3),
            "from": round(min(self.rounds), 3),
            "to": round(max(self.rounds), 3),
            "at least" if self.least else "at most": round(self.bound, 3),
            "holds": self.holds,
        }

    def __str__(self) -> str:
        side = "at least" if self.least else "at most"
        spread = f"({min(self.rounds):.2f} to {max(self.rounds):.2f})"
        return (
            f"{self.what:<66}{self.measured:>7.2f} {spread:<16} {side} {self.bound:.2f}: "
            f"{'holds' if self.holds else 'does NOT hold'}"
        )


def digest(folder: Path, threads: int) -> None:
    """The floor: `hashlib.file_digest` over every file but the signature."""

    def one(path: Path) -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    files = sorted(folder.glob("*.bin"), key=lambda path: -path.stat().st_size)
    if threads == 1:
        for path in files:
            one(path)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, files))


def calls(folder: Path, key: Path) -> Mapping[str, Callable[[], Callable[[], object]]]:
    """What a child measures: each imports what it needs, and gives the call to time."""
    public, ours, theirs = key.with_suffix(".pub"), folder.parent / "ours.sig", folder.parent / "theirs.sig"

    def sign() -> Callable[[], object]:
        from lockgate.trust import signer  # noqa: F401 - loaded before the clock starts
        from lockgate.trust.oms_directory import sign_directory

        return lambda: sign_directory(folder, key, ours)

    def verify() -> Callable[[], object]:
        from lockgate.trust.oms_directory import verify_directory

        return lambda: verify_directory(folder, public.read_bytes(), ours)

    def tool_sign() -> Callable[[], object]:
        from model_signing import signing

        config = signing.Config().use_elliptic_key_signer(private_key=key)
        return lambda: config.sign(folder, theirs)

    def tool_verify() -> Callable[[], object]:
        from model_signing import verifying

        config = verifying.Config().use_elliptic_key_verifier(public_key=public)
        return lambda: config.verify(folder, theirs)

    return {
        "digest 1": lambda: lambda: digest(folder, 1),
        "digest 2": lambda: lambda: digest(folder, 2),
        "sign": sign,
        "verify": verify,
        "tool sign": tool_sign,
        "tool verify": tool_verify,
    }


def child(what: str, folder: Path, key: Path, cores: int) -> None:
    """One call in this process, on `cores` processors; prints what it cost."""
    call = calls(folder, key)[what]()
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
    # Nobody's hashing is timed cold. A fixed tenth of a second is left on file_digest's side, which gigabytes hide.
    for _ in range(2):
        hashlib.file_digest(io.BytesIO(bytes(64 << 20)), "sha256")
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))


def measured(what: str, folder: Path, key: Path, cores: int = 2) -> Cost:
    """A call in a process of its own."""
    command = (sys.executable, "-m", "bench.sign", "--child", what, str(folder), str(key), str(cores))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def whole(*command: str | Path) -> Cost:
    """A whole process."""
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(part) for part in command], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - wall, cpu)


def one_round(folder: Path, key: Path) -> dict[str, Cost]:
    """Every side once, in turns."""
    public, ours, theirs = key.with_suffix(".pub"), folder.parent / "ours.sig", folder.parent / "theirs.sig"
    found = {
        "digest 1": measured("digest 1", folder, key, 1),
        "sign 1": measured("sign", folder, key, 1),
        "verify 1": measured("verify", folder, key, 1),
    }
    for what in ("digest 2", "sign", "tool sign", "verify", "tool verify"):
        found[what] = measured(what, folder, key)
    found["cli sign"] = whole(OURS, "sign", folder, "--key", key, "--signature", ours)
    found["cli tool sign"] = whole(TOOL, "sign", "key", "--private_key", key, "--signature", theirs, folder)
    found["cli verify"] = whole(OURS, "verify", f"{folder}/", "--key", public, "--signature", ours)
    found["cli tool verify"] = whole(TOOL, "verify", "key", "--public_key", public, "--signature", theirs, folder)
    return found


def judged(rounds: Sequence[Mapping[str, Cost]], where: str, *, split: bool) -> list[Claim]:
    """The claims about one folder; `split`: whether its bytes can be shared by two threads."""

    def ratio(what: str, one: str, other: str, bound: float, *, wall: bool, least: bool) -> Claim:
        field = "wall" if wall else "cpu"
        found = tuple(getattr(each[one], field) / getattr(each[other], field) for each in rounds)
        return Claim(f"{where}: {what}", found, bound, least)

    claims = []
    for verb in ("sign", "verify"):
        for threads, mine in ((1, f"{verb} 1"), (2, verb)):
            what = f"{verb}, CPU against file_digest, {threads} thread{'s' * (threads > 1)}"
            claims.append(ratio(what, mine, f"digest {threads}", MOST_CPU, wall=False, least=False))
        if split:
            what = f"{verb}, one thread's time against two threads'"
            claims.append(ratio(what, f"{verb} 1", verb, LEAST_THREADS, wall=True, least=True))
        for kind, name in (("", "library"), ("cli ", "command line")):
            what = f"{verb}, time of model_signing's {name} against ours"
            claims.append(ratio(what, f"{kind}tool {verb}", f"{kind}{verb}", LEAST_AHEAD, wall=True, least=True))
    return claims


def start_up(rounds: int) -> Claim:
    """Imports of both command lines beyond a bare interpreter, in CPU time."""
    found = []
    for _ in range(rounds):
        cost = {name: whole(sys.executable, "-c", program).cpu for name, program in START.items()}
        found.append((cost["lockgate"] - cost["nothing"]) / (cost["model_signing"] - cost["nothing"]))
    return Claim("start-up with imports, CPU of ours against model_signing's", tuple(found), MOST_IMPORTS)


def prepare(place: Path, size: int) -> tuple[dict[str, Path], Path]:
    """Two folders of `size` bytes in all each, and a key pair."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem, key = serialization.Encoding.PEM, place / "key.pem"
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key.write_bytes(private.private_bytes(pem, form, plain))
    key.chmod(0o600)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    key.with_suffix(".pub").write_bytes(private.public_key().public_bytes(pem, spki))
    folders = {"eight files": SHARES, "one file": (1,)}
    for name, shares in folders.items():
        for number, share in enumerate(shares):
            path = place / name.replace(" ", "-") / "model" / f"{number}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, size * share // sum(shares))
    return {name: place / name.replace(" ", "-") / "model" for name in folders}, key


def _write(path: Path, size: int) -> None:
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(max(1, size >> 20)):
            file.write(block)


def main() -> None:
    """Measure, print, and say with the exit code whether all holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=4.0, help="in each of two folders; cut to what fits")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        what, folder, key, cores = asked.child
        child(what, Path(folder), Path(key), int(cores))
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        # Half of the memory that is free, so that both folders stay in the page cache.
        memory = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        size = int(min(asked.gigabytes * 1e9, shutil.disk_usage(name).free / 4, memory / 4))
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(name) / "bytecode")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        folders, key = prepare(Path(name), size)
        claims = [start_up(max(3, asked.rounds))]
        for where, folder in folders.items():
            one_round(folder, key)
            rounds = [one_round(folder, key) for _ in range(asked.rounds)]
            print(f"{where}, {size / 1e9:.2f} GB: median seconds")
            for what in rounds[0]:
                wall, cpu = (statistics.median(getattr(r[what], f) for r in rounds) for f in ("wall", "cpu"))
                print(f"    {what:<18} wall {wall:7.3f}   CPU {cpu:7.3f}")
            claims += judged(rounds, where, split=where != "one file")
    for claim in claims:
        print(claim)
    if asked.json:
        asked.json.write_text(json.dumps([claim.as_json() for claim in claims], indent=2) + "\n")
    sys.exit(0 if all(claim.holds for claim in claims) else 1)


if __name__ == "__main__":
    main()
