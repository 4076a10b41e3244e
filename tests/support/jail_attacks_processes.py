"""Attacks on other processes, on what they share, and on privileges. See `jail_attacks_table`."""

# ruff: noqa: D103 - the name of an attack says what it does

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
from pathlib import Path

from tests.support.jail_attacks_table import X86, Facts, add, attack, control_call, done, holds, reads, status, writes

KERNEL_ALONE = "none: the kernel itself keeps such signals from the first process of a namespace"

add("proc_stop_pid_1", KERNEL_ALONE, lambda _: _changes_pid_1(signal.SIGSTOP))
add("proc_kill_pid_1", KERNEL_ALONE, lambda _: _changes_pid_1(signal.SIGKILL))
add("proc_signal_host", "bare", lambda facts: done(os.kill, facts["pid"], 0))
add("proc_environment_of_host", "bare", lambda facts: holds(f"/proc/{facts['pid']}/environ", facts["canary"]))
add("proc_memory_of_host", "bare", lambda facts: writes(f"/proc/{facts['pid']}/mem"))
add("proc_files_of_host", "bare", lambda facts: os.listdir(f"/proc/{facts['pid']}/fd"))
add("proc_handle_of_host", "bare", lambda facts: os.pidfd_open(facts["pid"]))
add("proc_priority_of_host", "bare", lambda facts: done(os.setpriority, os.PRIO_PROCESS, facts["pid"], 1))
add("proc_limit_of_host", "bare", lambda facts: resource.prlimit(facts["pid"], resource.RLIMIT_NOFILE))
add("proc_limit_of_pid_1", "unfiltered", lambda _: done(resource.prlimit, 1, resource.RLIMIT_NOFILE, (64, 64)))
add("proc_never_killed_for_memory", "root", lambda _: Path("/proc/self/oom_score_adj").write_text("-1000"))
add("proc_raise_own_limit", "root", lambda _: _raises(resource.RLIMIT_NPROC))
add("proc_dump_core", "bare", lambda _: _raises(resource.RLIMIT_CORE))
add("proc_lock_memory", "root", lambda _: _raises(resource.RLIMIT_MEMLOCK))

add("ipc_shared_memory_of_host", "bare", lambda facts: reads(facts["shm"]))
add("ipc_pipe_of_host", "bare", lambda facts: os.write(os.open(facts["fifo"], os.O_WRONLY | os.O_NONBLOCK), b"x"))
add("ipc_system_v_of_host", "bare", lambda facts: _line_in("/proc/sysvipc/shm", str(facts["segment"])))

add("priv_become_root", "root", lambda _: done(os.setresuid, 0, 0, 0))
add("priv_become_root_group", "root", lambda _: done(os.setresgid, 0, 0, 0))
add("priv_groups", "root", lambda _: done(os.setgroups, [0]))
add("priv_priority", "root", lambda _: os.nice(-5) < 0)
add("priv_change_root", "unfiltered", lambda _: done(os.chroot, "/proc"))
for _set in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    add(f"priv_capabilities_{_set}", "unfiltered", lambda _, name=_set: status(name).strip("0"))  # type: ignore[misc]
add("priv_capability_back", "unfiltered", lambda _: control_call(47, 2, 21))
add("priv_secure_bits", "unfiltered", lambda _: control_call(28, 1))
add("priv_new_privileges", "bare", lambda _: ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == 0)
add("priv_give_file_away", "root", lambda _: _chown_own())


def _changes_pid_1(number: int) -> bool:
    before = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[0]
    os.kill(1, number)
    return before in "SR" and Path("/proc/1/stat").read_text().rpartition(")")[2].split()[0] in "TZ"


def _raises(limit: int) -> bool:
    soft, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return resource.getrlimit(limit) != (soft, hard) or hard == resource.RLIM_INFINITY


def _line_in(path: str, word: str) -> bool:
    return any(word in line.split() for line in Path(path).read_text().splitlines())


def _chown_own() -> bool:
    opened = os.open(os.environ.get("TMPDIR", "/tmp"), os.O_TMPFILE | os.O_RDWR)
    os.fchown(opened, 1, 1)
    return os.fstat(opened).st_uid == 1


@attack("bare")
def proc_see_others(_: Facts) -> object:
    ours = {1, os.getpid(), os.getppid()}
    return [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in ours]


@attack("bare")
def proc_trace_host(facts: Facts) -> object:
    """PTRACE_SEIZE, which does not stop it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(ctypes.c_long(0x4206), ctypes.c_long(facts["pid"]), ctypes.c_long(0), ctypes.c_long(0)) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return True


@attack("bare")
def proc_read_memory_of_host(facts: Facts) -> object:
    """process_vm_readv of nothing: who may not look is told so before there is nothing to see."""
    libc = ctypes.CDLL(None, use_errno=True)
    here = ctypes.create_string_buffer(8)
    vector = (ctypes.c_uint64 * 2)(ctypes.addressof(here), 8)
    number = 310 if X86 else 270
    found = libc.syscall(number, facts["pid"], ctypes.byref(vector), 1, ctypes.byref(vector), 1, 0)
    if found < 0 and ctypes.get_errno() != errno.EFAULT:
        raise OSError(ctypes.get_errno(), "refused")
    return True


@attack("bare")
def ipc_cgroups_of_host(_: Facts) -> object:
    return [line for line in Path("/proc/self/cgroup").read_text().splitlines() if not line.endswith(":/")]


@attack("root")
def priv_real_time(_: Facts) -> object:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return True
