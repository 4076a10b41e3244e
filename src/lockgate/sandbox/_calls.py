"""System call numbers, per architecture, of the calls that the filter names. Data.

Source: arch/x86/entry/syscalls/syscall_64.tbl and asm-generic/unistd.h; tests compare them with the headers
of machines that have some.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Answered as by a kernel that does not have them: the C library falls back to a call the filter can judge.
UNKNOWN = ("clone3", "openat2", "memfd_create", "memfd_secret")
UNSUPPORTED = ("setxattr", "lsetxattr", "fsetxattr")


def _table(text: str) -> dict[str, int]:
    return {name: int(number) for name, _, number in (entry.partition("=") for entry in text.split())}


_COMMON = _table("""
    pidfd_getfd=438 clone3=435 openat2=437 process_madvise=440 memfd_secret=447 set_mempolicy_home_node=450
    io_uring_setup=425 io_uring_enter=426 io_uring_register=427 open_tree=428 move_mount=429 fsopen=430 fsconfig=431
    fsmount=432 fspick=433 mount_setattr=442 quotactl_fd=443 fchmodat2=452
""")

_X86_64 = _table("""
    ptrace=101 process_vm_readv=310 process_vm_writev=311 kcmp=312 bpf=321 perf_event_open=298 userfaultfd=323
    memfd_create=319 add_key=248 request_key=249 keyctl=250 mount=165 umount2=166 pivot_root=155 chroot=161
    setns=308 unshare=272 kexec_load=246 kexec_file_load=320 init_module=175 finit_module=313 delete_module=176
    create_module=174 get_kernel_syms=177 query_module=178 uselib=134 nfsservctl=180 reboot=169 swapon=167
    swapoff=168 acct=163 quotactl=179 vhangup=153 iopl=172 ioperm=173 modify_ldt=154 syslog=103 lookup_dcookie=212
    _sysctl=156 settimeofday=164 clock_settime=227 clock_adjtime=305 adjtimex=159 sethostname=170 setdomainname=171
    ustat=136 sysfs=139 name_to_handle_at=303 open_by_handle_at=304 fanotify_init=300 fanotify_mark=301 shmget=29
    shmat=30 shmctl=31 shmdt=67 semget=64 semop=65 semctl=66 semtimedop=220 msgget=68 msgsnd=69 msgrcv=70 msgctl=71
    mq_open=240 mq_unlink=241 mq_timedsend=242 mq_timedreceive=243 mq_notify=244 mq_getsetattr=245 mbind=237
    set_mempolicy=238 migrate_pages=256 move_pages=279 setxattr=188 lsetxattr=189 fsetxattr=190 clone=56 socket=41
    socketpair=53 ioctl=16 personality=135 prlimit64=302 chmod=90 fchmod=91 fchmodat=268 open=2 openat=257 creat=85
    mknod=133 mknodat=259
""")

_AARCH64 = _table("""
    ptrace=117 process_vm_readv=270 process_vm_writev=271 kcmp=272 bpf=280 perf_event_open=241 userfaultfd=282
    memfd_create=279 add_key=217 request_key=218 keyctl=219 mount=40 umount2=39 pivot_root=41 chroot=51 setns=268
    unshare=97 kexec_load=104 kexec_file_load=294 init_module=105 finit_module=273 delete_module=106 nfsservctl=42
    reboot=142 swapon=224 swapoff=225 acct=89 quotactl=60 vhangup=58 syslog=116 lookup_dcookie=18 settimeofday=170
    clock_settime=112 clock_adjtime=266 adjtimex=171 sethostname=161 setdomainname=162 name_to_handle_at=264
    open_by_handle_at=265 fanotify_init=262 fanotify_mark=263 shmget=194 shmat=196 shmctl=195 shmdt=197 semget=190
    semop=193 semctl=191 semtimedop=192 msgget=186 msgsnd=189 msgrcv=188 msgctl=187 mq_open=180 mq_unlink=181
    mq_timedsend=182 mq_timedreceive=183 mq_notify=184 mq_getsetattr=185 mbind=235 set_mempolicy=237
    migrate_pages=238 move_pages=239 setxattr=5 lsetxattr=6 fsetxattr=7 clone=220 socket=198 socketpair=199 ioctl=29
    personality=92 prlimit64=261 fchmod=52 fchmodat=53 openat=56 mknodat=33
""")

# Judged by their arguments, so not refused outright.
BY_ARGUMENT = (
    *("clone", "socket", "socketpair", "ioctl", "personality", "prlimit64", "chmod", "fchmod", "fchmodat"),
    *("fchmodat2", "open", "openat", "creat", "mknod", "mknodat"),
)

# Where no namespace stands around the jail: calls that reach by a path, or by a process id, what Landlock does not
# judge. The first are refused, the second answered with success and not made, because honest code ends on a refusal.
ALONE_REFUSED = (
    *("inotify_init", "inotify_init1", "inotify_add_watch", "removexattr", "lremovexattr", "fremovexattr"),
)
ALONE_IGNORED = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("utime", "utimes", "futimesat", "utimensat"),
)

_ALONE_X86_64 = _table("""
    chown=92 fchown=93 lchown=94 fchownat=260 utime=132 utimes=235 futimesat=261 utimensat=280 inotify_init=253
    inotify_init1=294 inotify_add_watch=254 removexattr=197 lremovexattr=198 fremovexattr=199 sched_setaffinity=203
    sched_setparam=142 sched_setscheduler=144 sched_setattr=314 setpriority=141 ioprio_set=251 prctl=157
""")

_ALONE_AARCH64 = _table("""
    fchownat=54 fchown=55 utimensat=88 inotify_init1=26 inotify_add_watch=27 removexattr=14 lremovexattr=15
    fremovexattr=16 sched_setaffinity=122 sched_setparam=118 sched_setscheduler=119 sched_setattr=274 setpriority=140
    ioprio_set=30 prctl=167
""")

# How an inherited socket could be made to call somebody: judged where a jail answers and never asks.
OUTWARD: Mapping[str, Mapping[str, int]] = {
    "x86_64": _table("connect=42 bind=49 sendto=44 sendmsg=46 sendmmsg=307"),
    "aarch64": _table("connect=203 bind=200 sendto=206 sendmsg=211 sendmmsg=269"),
}


@dataclass(frozen=True)
class Architecture:
    """One kernel interface. `audit` is AUDIT_ARCH_*; `newest` the highest number that the table knows;
    `foreign_bit` marks x32 calls, which share the x86_64 audit value; `alone` are the calls that are judged only where
    no namespace stands around the jail.
    """

    audit: int
    newest: int
    foreign_bit: int
    numbers: Mapping[str, int]
    alone: Mapping[str, int]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Calls that answer ENOSYS."""
        return UNKNOWN

    @property
    def unsupported(self) -> tuple[str, ...]:
        """Calls that answer ENOTSUP."""
        return UNSUPPORTED

    @property
    def refused(self) -> tuple[str, ...]:
        """Calls that answer EPERM: every other one that is not judged by its arguments."""
        return tuple(name for name in self.numbers if name not in (*UNKNOWN, *UNSUPPORTED, *BY_ARGUMENT))


ARCHITECTURES: Mapping[str, Architecture] = {
    "x86_64": Architecture(0xC000003E, 452, 0x40000000, {**_COMMON, **_X86_64}, _ALONE_X86_64),
    "aarch64": Architecture(0xC00000B7, 452, 0, {**_COMMON, **_AARCH64}, _ALONE_AARCH64),
}
