"""Witnesses: what a jail's pid 1 can see of each protection, read back and not assumed.

Each probe is (name, flag, "1" or "0", witness). A probe looks at the one thing that its flag makes, where
no other layer could make it look alike: a namespace's inode and not a refused call, the options in the
mount table and not a failed write. What cannot be read counts as open.
"""

from __future__ import annotations

import os
import resource

from lockgate.sandbox.jail import alone
from lockgate.sandbox.jail import foreign as ctypes

Witness = tuple[str, str, str, str]
Rows = dict[str, list[list[bytes]]]

CLONE_NEWUSER = 0x10000000
PR_GET_PDEATHSIG = 2
ENOSPC, EPERM, ENOSYS, EAFNOSUPPORT = 28, 1, 38, 97


def before_filter(rows: Rows, libc: ctypes.CDLL) -> list[Witness]:
    """Every witness that needs no filtered call, and the one that the filter would mask.

    A launcher names, in rows `witness`, the single ones that hold where it is the launcher; a name that is not known
    counts as open.
    """
    status = _status()
    known = {
        "interfaces": ("--unshare-net", _interfaces),
        "capabilities": ("--unshare-user", lambda: _capabilities(status)),
        "new privileges": ("no_new_privs", lambda: _same(status.get("NoNewPrivs", "?"), b"1")),
        "first process": ("--as-pid-1", lambda: (os.getpid() == 1, f"pid {os.getpid()}")),
        "other processes": ("--proc", _processes),
        "session": ("--new-session", lambda: (os.getsid(0) == os.getpid(), f"session {os.getsid(0)}")),
        "dies with launcher": ("--die-with-parent", lambda: _death_signal(libc)),
        "user": ("--uid", lambda: _identity("Uid", status, rows)),
        "group": ("--gid", lambda: _identity("Gid", status, rows)),
        "other groups": ("setgroups", lambda: _groups(status, rows)),
        "host name": ("--hostname", lambda: _same(os.uname().nodename, _one(rows, "hostname"))),
        "working directory": ("--chdir", lambda: _same(os.getcwd(), _one(rows, "cwd"))),
        "environment": ("--setenv", lambda: _environment(rows)),
        "descriptors": ("pass_fds", lambda: _descriptors(rows)),
        "table of mounts": ("unshare", _no_table),
        "privileges in use": ("setuid", lambda: _privileges(status)),
        "goes on without launcher": ("PR_SET_PDEATHSIG", lambda: alone.goes_on(libc)),
        "adopts orphans": ("PR_SET_CHILD_SUBREAPER", lambda: alone.adopts(libc)),
        "nested user namespaces": ("--disable-userns", lambda: _nested(libc)),
    }
    if [b"gVisor kernel"] in rows.get("witness", []):
        from lockgate.sandbox.jail import sentry

        known["gVisor kernel"] = ("runsc", lambda: sentry.kernel(libc))
        known["gVisor capabilities"] = ("capabilities", lambda: sentry.capabilities(libc, status))
        known["gVisor new privileges"] = ("noNewPrivileges", lambda: sentry.new_privileges(libc))
    found = [_namespace(kind.decode(), flag.decode(), inode) for kind, flag, inode in rows.get("namespace", [])]
    for (wanted,) in rows.get("witness", []):
        name = wanted.decode()
        flag, look = known.get(name, ("?", lambda: (False, "no such probe")))
        found.append(_probe(name, flag, *look()))
    found += [_probe(f"link {place.decode()}", "--symlink", *_link(place, to)) for place, to in rows.get("link", [])]
    found += [
        _probe(f"folder {place.decode()}", "--dir", os.path.isdir(place), "directory")
        for (place,) in rows.get("folder", [])
    ]
    return [*found, *(_limit(name.decode(), (int(soft), int(hard))) for name, soft, hard in rows.get("limit", []))]


def after_filter(rows: Rows, libc: ctypes.CDLL) -> list[Witness]:
    """The filter's own witnesses: the kernel's word that one is loaded, and answers only our table gives."""
    status = _status()
    mode, filters = status.get("Seccomp", "?"), int(status.get("Seccomp_filters", "1"))
    # A launcher that is filtered itself, as in a container, hands its filters on: ours must be one more.
    holds = mode == "2" and filters > int(_one(rows, "filters") or b"0")
    found = [_probe("system call filter", "seccomp", holds, f"mode {mode}, {filters} filters")]
    for name, number, first, second, expected in rows.get("answer", []):
        ctypes.set_errno(0)
        result = libc.syscall(int(number), ctypes.c_long(int(first)), ctypes.c_long(int(second)), 0, 0, 0)
        errno = ctypes.get_errno() if result < 0 else 0
        found.append(_probe(f"call {name.decode()}", "seccomp", errno == int(expected), f"errno {errno}"))
    return found


def _namespace(kind: str, flag: str, outside: bytes) -> Witness:
    try:
        inside = os.readlink(f"/proc/self/ns/{kind}")
    except OSError:
        return _probe(f"namespace {kind}", flag, False, "cannot be read")
    holds = bool(outside) and inside != outside.decode() and inside.startswith(f"{kind}:[")
    return _probe(f"namespace {kind}", flag, holds, inside)


def _interfaces() -> tuple[bool, str]:
    names = [line.split(":")[0].strip() for line in _read("/proc/net/dev").splitlines()[2:]]
    return names == ["lo"], " ".join(names) or "cannot be read"


def _capabilities(status: dict[str, str]) -> tuple[bool, str]:
    sets = [status.get(name, "?") for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")]
    return all(value.strip("0") == "" for value in sets), f"bounding {sets[3]}"


def _privileges(status: dict[str, str]) -> tuple[bool, str]:
    """Those in force. An ordinary user's process has a bounding set, of which it can never use anything."""
    sets = [status.get(name, "?") for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")]
    return all(value.strip("0") == "" for value in sets), f"effective {sets[2]}"


def _processes() -> tuple[bool, str]:
    try:
        pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    except OSError:
        pids = []
    return pids == [1], f"pids {pids[:8]}"


def _death_signal(libc: ctypes.CDLL) -> tuple[bool, str]:
    number = ctypes.c_int(0)
    libc.prctl(PR_GET_PDEATHSIG, ctypes.byref(number), 0, 0, 0)
    return number.value == 9, f"signal {number.value}"


def _identity(field: str, status: dict[str, str], rows: Rows) -> tuple[bool, str]:
    numbers = status.get(field, "?").split()
    return set(numbers) == {_one(rows, "nobody").decode()}, " ".join(numbers)


def _groups(status: dict[str, str], rows: Rows) -> tuple[bool, str]:
    """A launcher that was root gives its groups up; an ordinary user cannot."""
    groups = status.get("Groups", "?")
    return _one(rows, "groups") == b"kept" or groups == "", groups or "none"


def _environment(rows: Rows) -> tuple[bool, str]:
    """Exactly the variables that were asked for, in this process and in what `/proc` tells of it."""
    wanted = {name: value for name, value in rows.get("environment", [])}  # noqa: C416 - pairs are lists
    started_with = dict(entry.partition("=")[::2] for entry in _read("/proc/self/environ").split("\0") if entry)
    shown = {os.fsencode(name): os.fsencode(value) for name, value in started_with.items()}
    extra = sorted(name.decode("utf-8", "replace") for name in {*os.environb, *shown} if name not in wanted)
    holds = dict(os.environb) == wanted == shown
    return holds, f"{len(shown)} variables" + (f", not ours: {' '.join(extra)[:200]}" if extra else "")


def _descriptors(rows: Rows) -> tuple[bool, str]:
    wanted = {0, 1, 2, *(int(held) for _, held in rows.get("descriptor", []))}
    wanted.update(int(held) for (held,) in rows.get("held", []))  # the harness's own
    extra = []
    for name in _list("/proc/self/fd"):
        try:
            os.fstat(int(name))
        except OSError:
            continue
        if int(name) not in wanted:
            extra.append(int(name))
    return not extra and bool(_list("/proc/self/fd")), f"{len(wanted)} named, others: {extra}"


def _no_table() -> tuple[bool, str]:
    """What the kernel shows of mounts, in each of its three spellings: nothing."""
    shown = [len(_read(f"/proc/self/{name}").splitlines()) for name in ("mountinfo", "mounts", "mountstats")]
    holds = shown == [0, 0, 0] and os.path.exists("/proc/self/mountinfo")
    return holds, f"{shown[0]} mounts shown"


def mounts(rows: Rows) -> list[Witness]:
    """Each mount that was asked for with its options, and no other. Nothing where no mount was asked for."""
    if not rows.get("mount"):
        return []
    table = _mount_table()
    found = []
    expected = {}
    for row in rows.get("mount", []):
        place, flag, wanted_kind, *options = (field.decode() for field in row)
        wanted = set(options)
        expected[place] = "ro" in wanted
        kind, seen = table.get(place, ("absent", set()))
        missing = " ".join(sorted(wanted - seen))
        witness = f"{kind} " + (f"lacks {missing}" if missing else " ".join(sorted(wanted)))
        found.append(_probe(f"mount {place}", flag, not missing and wanted_kind in ("", kind), witness))
    others = [place for place, (_, seen) in table.items() if not _expected(place, seen, expected)]
    return [*found, _probe("other mounts", "mounts", bool(table) and not others, " ".join(others)[:200] or "none")]


def _mount_table() -> dict[str, tuple[str, set[str]]]:
    """File system type and options by place. Read-only wins over what the file system itself says."""
    table = {}
    for line in _read("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, superblock) = before.split(" "), after.split(" ", 2)
        options = {*fields[5].split(","), *superblock.split(",")}
        if "ro" in fields[5].split(","):
            options.discard("rw")
        table[fields[4].encode().decode("unicode_escape")] = (kind, options)
    return table


def _expected(place: str, seen: set[str], expected: dict[str, bool]) -> bool:
    if place in expected:
        return True
    if place.startswith("/dev/"):
        return True
    above = place
    while above != "/":
        above = os.path.dirname(above)
        if above != "/" and above in expected:
            return "ro" in seen or not expected[above]
    return False


def _limit(name: str, wanted: tuple[int, int]) -> Witness:
    found = resource.getrlimit(getattr(resource, name))
    return _probe(f"limit {name}", "rlimit", found == wanted, f"{found[0]} {found[1]}")


def _nested(libc: ctypes.CDLL) -> tuple[bool, str]:
    """The kernel's own refusal: ENOSPC says that the namespace's allowance is used up. A filter would say EPERM."""
    ctypes.set_errno(0)
    result = libc.unshare(CLONE_NEWUSER)
    errno = ctypes.get_errno() if result < 0 else 0
    return errno == ENOSPC, f"errno {errno}"


def _link(place: bytes, to: bytes) -> tuple[bool, str]:
    try:
        seen = os.readlink(place)
    except OSError:
        return False, "not a link"
    return seen == to, seen.decode("utf-8", "replace")


def _same(seen: str, wanted: bytes) -> tuple[bool, str]:
    return seen.encode() == wanted, seen


def _status() -> dict[str, str]:
    lines = (line.partition(":") for line in _read("/proc/self/status").splitlines())
    return {name: value.strip() for name, _, value in lines}


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _list(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _one(rows: Rows, name: str) -> bytes:
    return rows[name][0][0] if rows.get(name) else b""


def _probe(name: str, flag: str, holds: bool, witness: str, /) -> Witness:  # noqa: FBT001 - positional, from a pair
    return (name, flag, "1" if holds else "0", witness)
