"""Pid 1 of every jail: witnesses the protections, starts the target, ends everything, hands over what is in /out.

Run by the base interpreter without site packages, so nothing of the project's environment can speak for
it. It must start in milliseconds: no import here but built-in and tiny modules.

1. read the configuration from descriptor 0, up to the seccomp program
2. set the resource limits; witness the mounts, leave their table, give up every capability; witness the rest
3. load the seccomp filter and witness it
4. report, and wait for the launcher's word
5. become unreadable to the target, start it, wait
6. kill whatever is left, stream the regular files of /out, exit
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # `signal` imports enum: a third of the start-up
import os
import resource
import select
import stat

from lockgate.sandbox.jail import alone, attempts, frames, landlock, mounts, probes
from lockgate.sandbox.jail import foreign as ctypes

CHANNEL = 0
OUT = os.environ.get("LOCKGATE_ROOT", "") + "/out"
PR_SET_DUMPABLE, PR_SET_SECCOMP = 4, 22
MOST_FILES = 1000
DEEPEST = 4

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lockgate.sandbox.jail import relay

Rows = dict[str, list[list[bytes]]]


def main() -> None:
    """Run steps 1 to 6; never returns."""
    libc = ctypes.CDLL(None, use_errno=True)
    # 1.
    rows = _configuration()
    # 2.
    for name, soft, hard in rows.get("rlimit", []):
        resource.setrlimit(getattr(resource, name.decode()), (int(soft), int(hard)))
    alone.settle(rows, libc)
    found = probes.mounts(rows)
    held = mounts.hide(libc) if rows.get("hide mounts") else -1
    rows["held"] = [[b"%d" % held]]
    if rows.get("give up capabilities"):
        mounts.give_up_capabilities(libc)
    found += probes.before_filter(rows, libc)
    found += attempts.made(rows)
    ruleset = landlock.ruleset(rows, libc)
    found += landlock.witnesses(rows, libc, ruleset)
    # 3.
    for (program,) in rows.get("seccomp", []):
        _load_filter(libc, program)
    found += probes.after_filter(rows, libc)
    # 4.
    _send(*[frames.frame(b"P", frames.pack([field.encode() for field in probe])) for probe in found])
    _send(frames.frame(b"R"))
    if os.read(CHANNEL, 1) != b"G":
        os._exit(125)
    # 5.
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    streams = _streams(rows)
    try:
        code, ended_by = _run_target(rows, (libc, ruleset), held, streams)
    finally:
        # Whatever ended the waiting: where no namespace ends the rest with this process, nobody else would.
        if rows.get("alone"):
            _kill_the_rest(rows)
    if streams is not None:
        _kill_the_rest(rows)
        streams.drain()
    _send(frames.frame(b"X", frames.pack([b"%d" % code, b"%d" % ended_by])))
    # 6.
    _kill_the_rest(rows)
    if rows.get("collect"):
        _stream(OUT, "", [0])
    _send(frames.frame(b"E"))
    os._exit(code if not ended_by else 128 + ended_by)


def _configuration() -> Rows:
    parser = frames.Parser()
    rows: Rows = {}
    while True:
        data = os.read(CHANNEL, 65536)
        if not data:
            os._exit(125)
        for kind, payload in parser.feed(data):
            if kind == b"R":
                return rows
            name, *fields = frames.unpack(payload)
            rows.setdefault(name.decode(), []).append(fields)


def _load_filter(libc: ctypes.CDLL, program: bytes) -> None:
    text = ctypes.create_string_buffer(program, len(program))

    class Fprog(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    header = Fprog(len(program) // 8, ctypes.cast(text, ctypes.c_void_p))
    libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(header), 0, 0)


def _streams(rows: Rows) -> relay.Streams | None:
    """The target's standard streams, where the launcher can hand no descriptor on."""
    for (how,) in rows.get("relay", []):
        from lockgate.sandbox.jail import relay

        return relay.Streams(apart=how == b"apart")
    return None


def _run_target(
    rows: Rows, domain: tuple[ctypes.CDLL, int], held: int, streams: relay.Streams | None
) -> tuple[int, int]:
    """Start the target and wait for it; return its exit code and signal."""
    harness = os.getpid()
    child = os.fork()
    if child == 0:
        _become_target(rows, (*domain, harness), {} if streams is None else streams.theirs)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    kept = {held}
    if streams is not None:
        streams.let_go()
        kept |= streams.ours()
    _close_all(lambda number: number > 2 and number not in kept)
    poll, wake = _wakers(child)
    if streams is not None:
        streams.await_in(poll)
    while True:
        status = _reap_until(child)
        if status is not None:
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            return (128 + number if number else os.WEXITSTATUS(status)), number
        for ready, event in poll.poll():
            if ready == CHANNEL and event & select.POLLHUP:
                _kill_the_rest(rows)
                os._exit(125)
            if ready == wake:
                os.read(wake, 512)
            elif streams is not None:
                streams.step(poll, ready)


def _wakers(child: int) -> tuple[select.poll, int]:
    """What ends the waiting: a signal, which is forwarded to `child` or tells of an ended one, or a lost launcher."""
    wake_in, wake_out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_out)

    def forward(number: int, _frame: object) -> None:
        try:
            os.kill(child, number)
        except ProcessLookupError:  # a target that has ended cannot make its siblings end the harness
            return

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, forward)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    poll = select.poll()
    poll.register(wake_in, select.POLLIN)
    poll.register(CHANNEL, 0)
    return poll, wake_in


def _reap_until(child: int) -> int | None:
    """Collect every ended process, orphans too; the status of `child` when it is among them."""
    while True:
        pid, status = _reap(os.WNOHANG)
        if pid == child:
            return status
        if pid <= 0:
            return None


def _become_target(rows: Rows, domain: tuple[ctypes.CDLL, int, int], streams: dict[int, int]) -> None:
    try:
        held = {int(inside): int(outside) for inside, outside in rows.get("descriptor", [])} | streams
        above = 1 + max((2, *held))
        # Above every number that is wanted, so that no dup2 below overwrites one still needed.
        high = {inside: _duplicate(outside, above) for inside, outside in held.items()}
        libc, ruleset, harness = domain
        ruleset = _duplicate(ruleset, above) if ruleset >= 0 else -1
        _close_all(lambda number: number not in high.values() and number != ruleset)
        alone.prepare_target(rows, libc, ruleset, harness)
        for inside, copy in high.items():
            os.dup2(copy, inside, inheritable=True)
            os.close(copy)
        landlock.enter(libc, ruleset)
        command = [field.decode("utf-8", "surrogateescape") for field in rows["command"][0]]
        command = alone.moved(rows, command)
        os.execvp(command[0], command)  # noqa: S606 - this is the point where the target begins
    except OSError as error:
        os.write(2, f"lockgate: cannot start {rows['command'][0][0].decode()}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _duplicate(number: int, least: int) -> int:
    import fcntl  # after the fork: off the path of the report

    return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, least)


def _kill_the_rest(rows: Rows) -> None:
    if rows.get("alone"):
        alone.kill_the_rest(os.open("/proc", os.O_RDONLY | os.O_CLOEXEC))
    # Outside a pid namespace of its own, "everybody" would be the launcher's user's processes.
    if os.getpid() != 1:
        return
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return
    while _reap(0)[0] > 0:
        pass


def _reap(options: int) -> tuple[int, int]:
    try:
        return os.waitpid(-1, options)
    except ChildProcessError:
        return -1, 0


def _stream(folder: str, prefix: str, sent: list[int]) -> None:
    """Send every regular file below `folder`; say what was left behind and why."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:  # a folder that its owner made unreadable
        _skip(prefix or folder, error.strerror or "not readable")
        return
    for name in names:
        path, shown = f"{folder}/{name}", f"{prefix}{name}"
        try:
            status = os.lstat(path)
        except OSError as error:
            _skip(shown, error.strerror or "not readable")
            continue
        if stat.S_ISDIR(status.st_mode) and shown.count("/") < DEEPEST:
            _stream(path, f"{shown}/", sent)
            continue
        why = _why_not(status, sent[0])
        if why:
            _skip(shown, why)
            continue
        sent[0] += 1
        _send_file(path, shown)


def _why_not(status: os.stat_result, sent: int) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if status.st_nlink != 1:
        return "more than one name"
    return "too many files" if sent >= MOST_FILES else ""


def _send_file(path: str, shown: str) -> None:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        _skip(shown, error.strerror or "not readable")
        return
    left = os.fstat(opened).st_size
    _send(frames.frame(b"F", frames.pack([os.fsencode(shown), b"%d" % left])))
    while left > 0:
        data = os.read(opened, min(left, frames.CHUNK))
        if not data:
            os._exit(125)
        left -= len(data)
        _send(frames.frame(b"D", data))
    os.close(opened)


def _skip(shown: str, why: str) -> None:
    _send(frames.frame(b"S", frames.pack([os.fsencode(shown), why.encode()])))


def _send(*parts: bytes) -> None:
    data = memoryview(b"".join(parts))
    while data:
        data = data[os.write(CHANNEL, data) :]


def _close_all(unwanted: Callable[[int], bool]) -> None:
    for name in os.listdir("/proc/self/fd"):
        try:
            if unwanted(int(name)):
                os.close(int(name))
        except OSError:
            continue
