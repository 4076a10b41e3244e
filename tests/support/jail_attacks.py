"""Attacks on a jail, run inside it: standard library only, each bounded and harmless where it succeeds.

`python jail_attacks.py FACTS` runs every attack in a process of its own and prints {name: outcome} as JSON.
An attack succeeds when it returns true; an OSError, a false result or a signal means that it was stopped.
"""

# ruff: noqa: D103, T201 - the name of an attack says what it does; the outcome goes to stdout

from __future__ import annotations

import ctypes
import fcntl
import json
import mmap
import os
import platform
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
ATTACKS: dict[str, Callable[[Facts], object]] = {}

X86 = platform.machine() == "x86_64"
REFUSED = (1, 13, 38, 95, 97)  # EPERM, EACCES, ENOSYS, ENOTSUP, EAFNOSUPPORT
CLONE_NEWUSER = 0x10000000


def attack(function: Callable[[Facts], object]) -> Callable[[Facts], object]:
    """Register one attack under its function's name."""
    ATTACKS[function.__name__] = function
    return function


def call(number: int, *arguments: object) -> bool:
    """Whether the kernel let a raw call in: any answer but a refusal, even "bad argument", counts as in."""
    libc = ctypes.CDLL(None, use_errno=True)
    padded = [*arguments, *[0] * (6 - len(arguments))]
    return libc.syscall(ctypes.c_long(number), *padded) >= 0 or ctypes.get_errno() not in REFUSED


def reads(path: str) -> bool:
    """Whether a file gives at least one byte."""
    return bool(Path(path).read_bytes()[:1])


def writes(path: str) -> bool:
    """Whether a file can be opened for writing."""
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    return True


def creates(path: str) -> bool:
    """Whether a new file can be made."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    os.unlink(path)
    return True


# fs
attack_fs: dict[str, Callable[[Facts], object]] = {
    "fs_read_secret": lambda facts: reads(facts["secret"]),
    "fs_read_secret_through_pid_1": lambda facts: reads("/proc/1/root" + facts["secret"]),
    "fs_read_secret_through_its_cwd": lambda facts: reads("/proc/1/cwd/../.." + facts["secret"]),
    "fs_read_passwd": lambda _: reads("/etc/passwd"),
    "fs_read_shadow": lambda _: reads("/etc/shadow"),
    "fs_read_kernel_memory": lambda _: reads("/dev/mem"),
    "fs_list_home": lambda _: os.listdir("/home") or os.listdir("/var"),
    "fs_list_block_devices": lambda _: [name for name in os.listdir("/dev") if name.startswith(("sd", "vd", "nvme"))],
    "fs_sysfs": lambda _: os.listdir("/sys"),
    "fs_write_system": lambda _: creates("/usr/lib/lockgate-attack"),
    "fs_write_root": lambda _: creates("/lockgate-attack"),
    "fs_write_environment": lambda _: creates("/env/lockgate-attack"),
    "fs_write_lockgate": lambda _: creates("/lockgate/lockgate/lockgate-attack"),
    "fs_write_input": lambda facts: writes(facts["input"]),
    "fs_write_core_pattern": lambda _: writes("/proc/sys/kernel/core_pattern"),
    "fs_write_sysrq": lambda _: writes("/proc/sysrq-trigger"),
    "fs_write_own_mem_of_pid_1": lambda _: writes("/proc/1/mem"),
    "fs_python_path_is_writable": lambda _: [path for path in sys.path if path and os.access(path, os.W_OK)],
    "env_secret": lambda facts: facts["canary"] in json.dumps(dict(os.environ)),
    "env_secret_of_pid_1": lambda facts: facts["canary"].encode() in Path("/proc/1/environ").read_bytes(),
    "env_command_line_of_pid_1": lambda facts: facts["secret"].encode() in Path("/proc/1/cmdline").read_bytes(),
    "env_descriptors_of_pid_1": lambda _: os.listdir("/proc/1/fd"),
}
ATTACKS.update(attack_fs)


@attack
def fs_setuid_file(_: Facts) -> object:
    place = "/tmp/setuid"
    Path(place).write_text("")
    os.chmod(place, 0o4755)
    return os.stat(place).st_mode & 0o4000


@attack
def fs_device_node(_: Facts) -> object:
    os.mknod("/tmp/null", 0o020666, os.makedev(1, 3))
    return True


@attack
def fs_link_to_secret(facts: Facts) -> object:
    os.symlink(facts["secret"], "/tmp/link")
    return reads("/tmp/link")


@attack
def fs_open_descriptors_lead_out(_: Facts) -> object:
    targets = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if int(name) > 2]
    return [target for target in targets if target.startswith("/") and not target.startswith("/proc")]


# net
FAMILIES = {"inet": 2, "inet6": 10, "netlink": 16, "packet": 17, "alg": 38, "vsock": 40, "xdp": 44, "bluetooth": 31}
for family, number in FAMILIES.items():
    kind = socket.SOCK_RAW if family in ("netlink", "packet", "xdp") else socket.SOCK_STREAM
    ATTACKS[f"net_socket_{family}"] = lambda _, number=number, kind=kind: socket.socket(number, kind)  # type: ignore[misc]


@attack
def net_tcp_to_host(facts: Facts) -> object:
    return socket.create_connection(("127.0.0.1", facts["port"]), timeout=1)


@attack
def net_udp(facts: Facts) -> object:
    return socket.socket(2, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", facts["port"]))


@attack
def net_raw(_: Facts) -> object:
    return socket.socket(2, socket.SOCK_RAW, 1)


@attack
def net_dns(_: Facts) -> object:
    return socket.getaddrinfo("localhost.localdomain", 80)


@attack
def net_unix_socket_of_host(facts: Facts) -> object:
    socket.socket(socket.AF_UNIX).connect(facts["unix"])
    return True


@attack
def net_abstract_socket_of_host(facts: Facts) -> object:
    socket.socket(socket.AF_UNIX).connect("\0" + facts["abstract"])
    return True


@attack
def net_interfaces(_: Facts) -> object:
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return [line for line in lines if not line.strip().startswith("lo:")]


# processes and ipc
@attack
def proc_signal_host(facts: Facts) -> object:
    os.kill(facts["pid"], 0)
    return True


@attack
def proc_see_others(_: Facts) -> object:
    ours = {1, os.getpid(), os.getppid()}
    return [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in ours]


@attack
def proc_kill_pid_1(_: Facts) -> object:
    os.kill(1, signal.SIGKILL)
    time.sleep(0.05)
    return not Path("/proc/1/status").exists()


@attack
def proc_limit_pid_1(_: Facts) -> object:
    resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))
    return True


@attack
def proc_raise_own_limit(_: Facts) -> object:
    resource.setrlimit(resource.RLIMIT_NPROC, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return True


@attack
def ipc_shared_memory_of_host(facts: Facts) -> object:
    return reads(facts["shm"])


@attack
def ipc_cgroups(_: Facts) -> object:
    return [line for line in Path("/proc/self/cgroup").read_text().splitlines() if not line.endswith(":/")]


# privileges
@attack
def priv_setuid(_: Facts) -> object:
    os.setuid(0)
    return os.getuid() == 0


@attack
def priv_setgroups(_: Facts) -> object:
    os.setgroups([0])
    return True


@attack
def priv_nice(_: Facts) -> object:
    return os.nice(-5) < 0


@attack
def priv_real_time(_: Facts) -> object:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return True


@attack
def priv_chroot(_: Facts) -> object:
    os.chroot("/tmp")
    return True


@attack
def priv_unlimited_privileges(_: Facts) -> object:
    ctypes.CDLL(None).prctl(38, 0, 0, 0, 0)
    return ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == 0


# the kernel's doors: number on x86_64, on aarch64, arguments
CALLS: dict[str, tuple[int | None, int | None, tuple[int, ...]]] = {
    "mount": (165, 40, ()),
    "umount": (166, 39, ()),
    "pivot_root": (155, 41, ()),
    "fsopen": (430, 430, ()),
    "open_tree": (428, 428, (-1,)),
    "move_mount": (429, 429, (-1,)),
    "mount_setattr": (442, 442, (-1,)),
    "unshare_user": (272, 97, (CLONE_NEWUSER,)),
    "unshare_net": (272, 97, (0x40000000,)),
    "setns": (308, 268, (-1,)),
    "clone3": (435, 435, (0, 0)),
    "ptrace": (101, 117, (16, 1)),
    "process_vm_readv": (310, 270, (1,)),
    "process_vm_writev": (311, 271, (1,)),
    "pidfd_getfd": (438, 438, (-1,)),
    "kcmp": (312, 272, (1, 1)),
    "bpf": (321, 280, (0,)),
    "perf_event_open": (298, 241, ()),
    "userfaultfd": (323, 282, ()),
    "io_uring_setup": (425, 425, (1,)),
    "keyctl": (250, 219, (0, -3)),
    "add_key": (248, 217, ()),
    "request_key": (249, 218, ()),
    "kexec_load": (246, 104, ()),
    "init_module": (175, 105, ()),
    "finit_module": (313, 273, (-1,)),
    "reboot": (169, 142, ()),
    "swapon": (167, 224, ()),
    "acct": (163, 89, (1,)),
    "syslog": (103, 116, (10,)),
    "settimeofday": (164, 170, ()),
    "sethostname": (170, 161, ()),
    "open_by_handle_at": (304, 265, (-1,)),
    "fanotify_init": (300, 262, ()),
    "shmget": (29, 194, (0, 4096, 0o1600)),
    "msgget": (68, 186, (0, 0o1600)),
    "semget": (64, 190, (0, 1, 0o1600)),
    "mq_open": (240, 180, ()),
    "memfd_create": (319, 279, ()),
    "memfd_secret": (447, 447, ()),
    "openat2": (437, 437, (-100,)),
    "personality": (135, 92, (0x0040000,)),
    "mseal": (462, 462, ()),
    "statmount": (457, 457, ()),
    "iopl": (172, None, (3,)),
    "modify_ldt": (154, None, (0,)),
    "x32": (0x40000000 + 39, None, ()),
}
for name, (x86, arm, given) in CALLS.items():
    chosen = x86 if X86 else arm
    if chosen is not None:
        ATTACKS[f"kernel_{name}"] = lambda _, chosen=chosen, given=given: call(chosen, *given)  # type: ignore[misc]


@attack
def kernel_clone_user_namespace(_: Facts) -> object:
    pid = ctypes.CDLL(None, use_errno=True).syscall(56 if X86 else 220, CLONE_NEWUSER | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid > 0


@attack
def kernel_terminal_input(_: Facts) -> object:
    primary, secondary = os.openpty()
    fcntl.ioctl(secondary, 0x5412, b"x")
    os.close(primary)
    return True


@attack
def kernel_extended_attribute(_: Facts) -> object:
    Path("/tmp/attributed").write_text("")
    os.setxattr("/tmp/attributed", "user.x", b"y")
    return True


@attack
def kernel_foreign_table(_: Facts) -> object:
    """Getpid of the i386 table; the filter kills, which ends this process."""
    if not X86:
        return False
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))() > 0


def outcome(name: str, facts: Facts) -> str:
    """`reached` or `stopped`, from a process of its own that has five seconds."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(5)
        try:
            os._exit(7 if ATTACKS[name](facts) else 0)
        except BaseException:  # noqa: BLE001 - whatever stopped it
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return "reached" if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 7 else "stopped"


def main() -> None:
    """Run every attack."""
    facts = json.loads(sys.argv[1])
    print(json.dumps({name: outcome(name, facts) for name in sorted(ATTACKS)}))


if __name__ == "__main__":
    main()
