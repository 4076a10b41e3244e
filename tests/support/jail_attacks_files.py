"""Attacks on files and on what a process was started with. See `jail_attacks_table`."""

# ruff: noqa: D103 - the name of an attack says what it does

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.support.jail_attacks_table import (
    X86,
    Facts,
    add,
    attack,
    call,
    creates,
    done,
    given,
    holds,
    reads,
    scratch,
    writes,
)

DISKS = ("sd", "vd", "xvd", "nvme", "mmcblk", "loop")
SET_USER_ID = 0o4755


def _opened(path: str) -> int:
    return os.open(path, os.O_RDONLY)


add("fs_read_secret", "bare", lambda facts: reads(facts["secret"]))
add("fs_read_secret_through_own_root", "bare", lambda facts: reads("/proc/self/root" + facts["secret"]))
add("fs_read_secret_through_pid_1", "unfiltered", lambda facts: reads("/proc/1/root" + facts["secret"]))
add("fs_read_secret_through_its_cwd", "unfiltered", lambda facts: reads("/proc/1/cwd/../../../.." + facts["secret"]))
add("fs_read_secret_through_a_thread", "bare", lambda facts: reads("/proc/thread-self/root" + facts["secret"]))
add("fs_read_cloud_credentials", "bare", lambda facts: reads(facts["home"] + "/.aws/credentials"))
add("fs_read_passwd", "bare", lambda _: reads("/etc/passwd"))
add("fs_read_shadow", "root", lambda _: reads("/etc/shadow"))
add("fs_read_kernel_memory", "root", lambda _: reads("/dev/mem"))
add("fs_read_kernel_core", "root", lambda _: reads("/proc/kcore"))
add("fs_read_kernel_log", "root", lambda _: reads("/dev/kmsg"))
add("fs_list_home", "bare", lambda _: [name for name in ("/home", "/var", "/run", "/mnt") if os.path.exists(name)])
add("fs_list_block_devices", "bare", lambda _: [name for name in os.listdir("/dev") if name.startswith(DISKS)])
add("fs_list_temporary_files_of_host", "bare", lambda facts: os.path.exists(facts["marker"]))
add("fs_sysfs", "bare", lambda _: os.listdir("/sys"))
add("fs_write_system", "root", lambda _: any(creates(place) for place in ("/opt", "/usr/lib", "/usr/bin")))
add("fs_write_root", "unfiltered", lambda _: creates("/"))
add("fs_write_environment", "unfiltered", lambda _: creates("/env"))
add("fs_write_lockgate", "unfiltered", lambda _: creates("/lockgate/lockgate"))
add("fs_write_input", "bare", lambda facts: writes(given(facts)))
add("fs_write_input_through_own_root", "bare", lambda facts: writes("/proc/self/root" + given(facts)))
add("fs_write_core_pattern", "root", lambda _: writes("/proc/sys/kernel/core_pattern"))
add("fs_write_module_loader", "root", lambda _: writes("/proc/sys/kernel/modprobe"))
add("fs_write_sysrq", "root", lambda _: writes("/proc/sysrq-trigger"))
add("fs_write_memory_of_pid_1", "unfiltered", lambda _: writes("/proc/1/mem"))
for _number, _table in enumerate(("self/mountinfo", "thread-self/mountinfo", "1/mountinfo", "self/task/{}/mountinfo")):
    add(
        f"fs_mount_table_shows_host_{_number}",
        "unfiltered",
        lambda facts, table=_table: holds("/proc/" + table.format(os.getpid()), facts["place"]),  # type: ignore[misc]
    )
add("fs_mounts_are_listed", "bare", lambda _: reads("/proc/mounts"))
add("fs_mount_statistics", "bare", lambda _: reads("/proc/self/mountstats"))
add("fs_namespace_of_mounts_entered", "unfiltered", lambda _: call(308 if X86 else 268, _opened("/proc/1/ns/mnt"), 0))

add("env_secret", "bare", lambda facts: facts["canary"] in json.dumps(dict(os.environ)))
add("env_secret_of_parent", "bare", lambda facts: holds(f"/proc/{os.getppid()}/environ", facts["canary"]))
add("env_secret_of_pid_1", "unfiltered", lambda facts: holds("/proc/1/environ", facts["canary"]))
add("env_command_line_of_pid_1", "unfiltered", lambda facts: holds("/proc/1/cmdline", facts["secret"]))
add("env_descriptors_of_pid_1", "unfiltered", lambda _: os.listdir("/proc/1/fd"))
add("env_memory_map_of_pid_1", "unfiltered", lambda _: reads("/proc/1/maps"))
add("env_name_of_host", "bare", lambda facts: os.uname().nodename == facts["host"])
add("env_agent", "bare", lambda _: done(socket.socket(socket.AF_UNIX).connect, os.environ["SSH_AUTH_SOCK"]))


@attack("bare")
def env_variables_that_sound_secret(_: Facts) -> object:
    return [name for name in os.environ if any(word in name for word in ("SECRET", "TOKEN", "PASSWORD", "_KEY"))]


@attack("bare")
def fs_python_path_is_writable(_: Facts) -> object:
    for path in sys.path:
        with suppress(OSError):
            return creates(path or ".")
    return False


@attack("bare")
def fs_write_input_by_descriptor(facts: Facts) -> object:
    """A descriptor without rights, opened again with them."""
    return writes(f"/proc/self/fd/{os.open(given(facts), os.O_PATH)}")


@attack("bare")
def fs_truncate_input(facts: Facts) -> object:
    os.truncate(given(facts), os.stat(given(facts)).st_size)
    return True


@attack("bare")
def fs_touch_input(facts: Facts) -> object:
    os.utime(given(facts))
    return True


@attack("bare")
def fs_hard_link_to_input(facts: Facts) -> object:
    os.link(given(facts), scratch("hard"))
    os.unlink(scratch("hard"))
    return True


@attack("bare")
def fs_link_to_secret(facts: Facts) -> object:
    os.symlink(facts["secret"], scratch("link"))
    try:
        return reads(scratch("link"))
    finally:
        os.unlink(scratch("link"))


@attack("root")
def fs_device_node(_: Facts) -> object:
    os.mknod(scratch("null"), 0o020666, os.makedev(1, 3))
    os.unlink(scratch("null"))
    return True


@attack("bare")
def fs_descriptors_lead_out(_: Facts) -> object:
    """A folder, a namespace or a socket that was left open above the standard streams; the suite itself has pipes."""
    found = []
    for number in range(3, 256):
        with suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{number}"))
    return [target for target in found if not target.startswith("pipe:")]


# A set-user-id bit, by each call that could set it.
def _set(path: str) -> bool:
    mode = os.stat(path).st_mode
    os.unlink(path)
    return bool(mode & 0o6000)


@attack("bare")
def fs_set_user_id_chmod(_: Facts) -> object:
    Path(scratch("a")).write_text("")
    try:
        os.chmod(scratch("a"), SET_USER_ID)
    finally:
        found = _set(scratch("a"))
    return found


@attack("bare")
def fs_set_group_id_chmod(_: Facts) -> object:
    Path(scratch("a")).write_text("")
    try:
        os.chmod(scratch("a"), 0o2755)
    finally:
        found = _set(scratch("a"))
    return found


@attack("bare")
def fs_set_user_id_fchmod(_: Facts) -> object:
    opened = os.open(scratch("a"), os.O_CREAT | os.O_RDWR)
    try:
        os.fchmod(opened, SET_USER_ID)
    finally:
        found = _set(scratch("a"))
    return found


@attack("bare")
def fs_set_user_id_create(_: Facts) -> object:
    os.umask(0)
    os.close(os.open(scratch("a"), os.O_CREAT | os.O_RDWR, SET_USER_ID))
    return _set(scratch("a"))


@attack("bare")
def fs_set_user_id_unnamed(_: Facts) -> object:
    os.umask(0)
    opened = os.open(os.path.dirname(scratch("a")), os.O_TMPFILE | os.O_RDWR, SET_USER_ID)
    return os.fstat(opened).st_mode & 0o6000


@attack("bare")
def fs_set_user_id_node(_: Facts) -> object:
    os.umask(0)
    os.mknod(scratch("a"), 0o100000 | SET_USER_ID)
    return _set(scratch("a"))


@attack("bare")
def fs_set_user_id_newest_call(_: Facts) -> object:
    """fchmodat2, which a filter of its year forgets."""
    Path(scratch("a")).write_text("")
    try:
        call(452, -100, scratch("a").encode(), SET_USER_ID, 0)
    finally:
        found = _set(scratch("a"))
    return found


@attack("unfiltered")
def fs_file_capability(_: Facts) -> object:
    """CAP_NET_RAW on a file, for whoever runs it next."""
    Path(scratch("a")).write_text("")
    value = (0x02000001).to_bytes(4, "little") + (1 << 13).to_bytes(4, "little") + bytes(12)
    try:
        os.setxattr(scratch("a"), "security.capability", value)
    finally:
        os.unlink(scratch("a"))
    return True


@attack("root")
def fs_program_with_set_user_id(facts: Facts) -> object:
    """A program of root's with the bit set lies where it can be run; whoever runs it should not become root."""
    if os.getuid() == 0:
        os.setresuid(facts["user"], facts["user"], facts["user"])
    said = subprocess.run(["./identify", "-u"], capture_output=True, check=True).stdout
    return said.strip() == b"0"


@attack("bare")
def fs_extended_attribute(_: Facts) -> object:
    Path(scratch("a")).write_text("")
    try:
        os.setxattr(scratch("a"), "user.x", b"y")
    finally:
        os.unlink(scratch("a"))
    return True


@attack("bare")
def fs_newest_attribute_call(_: Facts) -> object:
    """setxattrat, numbered above what the filter knows."""
    return call(463, -1, 0, 0, 0, 0, 0)


@attack("bare")
def fs_handle_of_file(facts: Facts) -> object:
    """A file's handle opens it again wherever it is mounted."""
    handle = ctypes.create_string_buffer((128).to_bytes(4, "little") + bytes(132))
    mount = ctypes.c_int(0)
    libc = ctypes.CDLL(None, use_errno=True)
    path, number = facts["secret"].encode(), 303 if X86 else 264
    if libc.syscall(number, -100, path, handle, ctypes.byref(mount), 0) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return True
