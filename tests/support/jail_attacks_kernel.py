"""Attacks by system calls that reach far into the kernel. See `jail_attacks_table`."""

# ruff: noqa: D103 - the name of an attack says what it does

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import termios

from tests.support.jail_attacks_table import X86, Facts, add, attack, call, status

NEW_USER, NEW_NET = 0x10000000, 0x40000000
TIOCSTI, TIOCSETD = 0x5412, 0x5423

# name: number on x86_64, on aarch64 (None where there is none), arguments, where it is let in.
# The arguments are wrong on purpose: the kernel looks at them after it has asked whether the caller may.
CALLS: dict[str, tuple[int | None, int | None, tuple[int, ...], str]] = {
    "mount": (165, 40, (), "bare"),
    "umount": (166, 39, (), "bare"),
    "pivot_root": (155, 41, (), "unfiltered"),
    "fsopen": (430, 430, (), "unfiltered"),
    "fsconfig": (431, 431, (-1,), "bare"),
    "fsmount": (432, 432, (-1,), "unfiltered"),
    "fspick": (433, 433, (-1,), "unfiltered"),
    "open_tree": (428, 428, (-1,), "bare"),
    "open_tree_attr": (467, 467, (-1,), "bare"),
    "move_mount": (429, 429, (-1,), "unfiltered"),
    "mount_setattr": (442, 442, (-1,), "bare"),
    "statmount": (457, 457, (), "bare"),
    "listmount": (458, 458, (), "bare"),
    "unshare_user": (272, 97, (NEW_USER,), "bare"),
    "unshare_user_and_net": (272, 97, (NEW_USER | NEW_NET,), "bare"),
    "unshare_net": (272, 97, (NEW_NET,), "unfiltered"),
    "setns": (308, 268, (-1,), "bare"),
    "clone3": (435, 435, (0, 0), "bare"),
    "ptrace": (101, 117, (0,), "bare"),
    "process_vm_readv": (310, 270, (1,), "bare"),
    "process_vm_writev": (311, 271, (1,), "bare"),
    "process_madvise": (440, 440, (-1,), "bare"),
    "pidfd_getfd": (438, 438, (-1,), "bare"),
    "bpf": (321, 280, (5,), "root"),
    "perf_event_open": (298, 241, (), "bare"),
    "userfaultfd": (323, 282, (1,), "bare"),
    "io_uring_setup": (425, 425, (1,), "bare"),
    "io_uring_enter": (426, 426, (-1,), "bare"),
    "io_uring_register": (427, 427, (-1,), "bare"),
    "keyctl": (250, 219, (0, -3), "bare"),
    "add_key": (248, 217, (), "bare"),
    "request_key": (249, 218, (), "bare"),
    "kexec_load": (246, 104, (0, 0, 0, 0xFF00), "root"),
    "kexec_file_load": (320, 294, (-1, -1, 0, 0, 0xFF00), "root"),
    "init_module": (175, 105, (), "root"),
    "finit_module": (313, 273, (-1,), "root"),
    "delete_module": (176, 106, (), "root"),
    "reboot": (169, 142, (), "unfiltered"),
    "swapon": (167, 224, (), "root"),
    "swapoff": (168, 225, (), "root"),
    "acct": (163, 89, (1,), "root"),
    "quotactl": (179, 60, (0x7FFF0000,), "bare"),
    "syslog": (103, 116, (10,), "root"),
    "settimeofday": (164, 170, (), "root"),
    "clock_settime": (227, 112, (), "bare"),
    "clock_adjtime": (305, 266, (), "bare"),
    "adjtimex": (159, 171, (), "bare"),
    "sethostname": (170, 161, (), "unfiltered"),
    "setdomainname": (171, 162, (), "unfiltered"),
    "name_to_handle_at": (303, 264, (-1,), "bare"),
    "open_by_handle_at": (304, 265, (-1,), "root"),
    "fanotify_init": (300, 262, (), "root"),
    "fanotify_mark": (301, 263, (-1,), "bare"),
    "shmget": (29, 194, (0, 4096, 0o1600), "bare"),
    "shmat": (30, 196, (-1,), "bare"),
    "msgget": (68, 186, (0, 0o1600), "bare"),
    "semget": (64, 190, (0, 1, 0o1600), "bare"),
    "mq_open": (240, 180, (), "bare"),
    "move_pages": (279, 239, (), "bare"),
    "memfd_create": (319, 279, (), "bare"),
    "memfd_secret": (447, 447, (), "bare"),
    "openat2": (437, 437, (-100,), "bare"),
    "personality": (135, 92, (0x0040000,), "bare"),
    "personality_with_high_bits": (135, 92, ((1 << 32) | 0x0040000,), "bare"),
    "mseal": (462, 462, (), "bare"),
    "futex_wake": (454, 454, (), "bare"),
    "not_yet_invented": (599, 599, (), "none: no kernel has it; a refusal shows that unknown numbers are refused"),
    "vhangup": (153, 58, (), "root"),
    "iopl": (172, None, (3,), "root"),
    "ioperm": (173, None, (0, 1, 1), "root"),
    "modify_ldt": (154, None, (0,), "bare"),
    "uselib": (134, None, (), "bare"),
    "ustat": (136, None, (), "bare"),
    "x32": (0x40000000 + 39, None, (), "bare"),
}
for _name, (_x86, _arm, _given, _where) in CALLS.items():
    _chosen = _x86 if X86 else _arm
    if _chosen is not None:
        add(f"kernel_{_name}", _where, lambda _, chosen=_chosen, given=_given: call(chosen, *given))  # type: ignore[misc]

add("kernel_without_a_filter", "bare", lambda _: status("Seccomp") == "0")


def _clone(flags: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    pid = libc.syscall(56 if X86 else 220, ctypes.c_long(flags | 17), 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), "refused")
    os.waitpid(pid, 0)
    return True


add("kernel_clone_user_namespace", "bare", lambda _: _clone(NEW_USER))
add("kernel_clone_user_and_net", "bare", lambda _: _clone(NEW_USER | NEW_NET))
add("kernel_clone_pid_namespace", "unfiltered", lambda _: _clone(0x20000000))
add("kernel_clone_mount_namespace", "unfiltered", lambda _: _clone(0x00020000))


@attack("bare")
def kernel_compare_processes(_: Facts) -> object:
    """Kcmp tells kernel addresses apart."""
    return call(312 if X86 else 272, os.getpid(), os.getpid())


def _terminal() -> int:
    """A terminal of our own that controls this process."""
    if os.getpid() != os.getsid(0):
        os.setsid()
    _, secondary = os.openpty()
    fcntl.ioctl(secondary, termios.TIOCSCTTY, 0)
    return secondary


@attack("bare")
def kernel_terminal_input(_: Facts) -> object:
    """TIOCSTI: words put into a terminal, for whoever reads it next."""
    fcntl.ioctl(_terminal(), TIOCSTI, b"x")
    return True


@attack("bare")
def kernel_terminal_input_with_high_bits(_: Facts) -> object:
    letter = ctypes.create_string_buffer(b"x")
    return call(16 if X86 else 29, _terminal(), (1 << 32) | TIOCSTI, ctypes.addressof(letter))


@attack("bare")
def kernel_line_discipline(_: Facts) -> object:
    fcntl.ioctl(_terminal(), TIOCSETD, (0).to_bytes(4, "little"))
    return True


@attack("bare")
def kernel_foreign_table(_: Facts) -> object:
    """Getpid of the i386 table; the filter kills, which ends this process."""
    if not X86:
        return False
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))() > 0
