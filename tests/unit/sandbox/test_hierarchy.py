"""Which control groups are a process's own, from what the kernel says of them."""

from __future__ import annotations

import pytest

from lockgate.sandbox._hierarchy import Own, member_of, own_groups

HYBRID = """\
32 31 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""


def test_separate_hierarchies_are_found_by_controller() -> None:
    """Version 1: each controller where it is mounted, shared mounts too; the unified one is called ""."""
    found = own_groups("3:cpu,cpuacct:/\n4:memory:/job/a\n0::/\n", HYBRID)
    assert {
        "": Own(2, "/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified"),
        "memory": Own(1, "/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/job/a"),
        "cpu": Own(1, "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu"),
        "cpuacct": Own(1, "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu"),
    } == found


@pytest.mark.parametrize(
    ("root", "path", "folder"),
    [
        ("/", "/user.slice/a.scope", "/c g/user.slice/a.scope"),
        ("/docker/1f", "/docker/1f", "/c g"),
        ("/docker/1f", "/docker/1f/job", "/c g/job"),
        ("/docker/1f", "/docker/1f2", None),
        ("/docker/1f", "/", None),
        ("/", "/../other", None),
    ],
)
def test_a_mount_may_show_a_part_of_the_hierarchy(root: str, path: str, folder: str | None) -> None:
    """What lies outside the mounted part is not guessed at; a space in a path is written in octal."""
    found = own_groups(f"0::{path}\n", f"41 31 0:38 {root} /c\\040g rw - cgroup2 cgroup2 rw\n")
    assert (found[""].folder if "" in found else None) == folder


def test_what_is_no_table_of_groups_is_no_group() -> None:
    """Words of another kernel or a cut-off file give an empty answer, not an exception."""
    assert own_groups("", "") == own_groups("nonsense\n", "nonsense\n1 2 - cgroup\n") == {}


def test_a_member_is_known_by_the_last_part_of_its_path() -> None:
    """Exactly the group: neither one with a longer name nor one of another controller."""
    table = "4:memory:/job/lockgate-1\n8:pids:/lockgate-12\n"
    assert (member_of(table, "memory", "lockgate-1"), member_of(table, "pids", "lockgate-1")) == (True, False)
