"""The filter as a program: run here by an interpreter of its own, for both architectures."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from lockgate.errors import Unfit
from lockgate.sandbox._calls import ARCHITECTURES, BY_ARGUMENT, UNKNOWN, UNSUPPORTED
from lockgate.sandbox.seccomp import answers, program

ALLOW, KILL = "allow", "kill"
EPERM, ENOSYS, ENOTSUP, EAFNOSUPPORT = 1, 38, 95, 97
MACHINES = sorted(ARCHITECTURES)


def judge(code: bytes, audit: int, number: int, *arguments: int) -> str | int:
    """What classic BPF `code` answers to one call: allow, kill, or an errno. Written from linux/filter.h."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, audit, 0, *(value & (2**64 - 1) for value in padded))
    steps = list(struct.iter_unpack("<HBBI", code))
    at, held = 0, 0
    while True:
        operation, true, false, constant = steps[at]
        at += 1
        if operation == 0x20:
            (held,) = struct.unpack_from("<I", data, constant)
        elif operation == 0x54:
            held &= constant
        elif operation == 0x06:
            verdict: dict[int, str | int] = {0x7FFF0000: ALLOW, 0x80000000: KILL}
            return verdict.get(constant & 0xFFFF0000, int(constant & 0xFFFF))
        else:
            tests = {0x15: held == constant, 0x25: held > constant, 0x35: held >= constant, 0x45: bool(held & constant)}
            at += true if tests[operation] else false


@pytest.mark.parametrize("machine", MACHINES)
def test_every_named_call_gets_its_answer(machine: str) -> None:
    """Refused, unknown and unsupported calls answer their errno; a call outside the table is allowed."""
    arch, code = ARCHITECTURES[machine], program(machine, network=False, memfd=False)
    for name, number in arch.numbers.items():
        if name in UNKNOWN:
            assert judge(code, arch.audit, number) == ENOSYS, name
        elif name in UNSUPPORTED:
            assert judge(code, arch.audit, number) == ENOTSUP, name
        elif name not in BY_ARGUMENT:
            assert judge(code, arch.audit, number) == EPERM, name
    read = {"x86_64": 0, "aarch64": 63}[machine]
    assert judge(code, arch.audit, read) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_foreign_and_unknown_calls_are_turned_away(machine: str) -> None:
    """Another architecture kills; numbers above the table and, on x86_64, x32 numbers do not exist."""
    arch, code = ARCHITECTURES[machine], program(machine, network=True, memfd=True)
    assert judge(code, 0x40000003, 20) == KILL
    assert judge(code, arch.audit, arch.newest + 1) == ENOSYS
    if machine == "x86_64":
        assert judge(code, arch.audit, 0x40000000) == ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone", (0x11,), ALLOW),
        ("clone", (0x003D0F00,), ALLOW),  # a thread
        *(("clone", (0x11 | 1 << bit,), EPERM) for bit in (17, 25, 26, 27, 28, 29, 30)),
        ("socket", (1, 1), ALLOW),
        *(("socket", (family, 1), EAFNOSUPPORT) for family in (0, 2, 10, 16, 17, 31, 38, 40, 44)),
        ("socket", (1 << 32 | 2, 1), EAFNOSUPPORT),
        ("socketpair", (1, 1), ALLOW),
        ("socketpair", (30, 1), EAFNOSUPPORT),
        ("ioctl", (0, 0x5401), ALLOW),
        *(("ioctl", (0, request), EPERM) for request in (0x5412, 0x541C, 0x5423, 1 << 32 | 0x5412)),
        ("personality", (0,), ALLOW),
        ("personality", (0xFFFFFFFF,), ALLOW),
        ("personality", (0x0040000,), EPERM),
        ("prlimit64", (0, 7), ALLOW),
        ("prlimit64", (1, 7), EPERM),
        ("fchmod", (3, 0o755), ALLOW),
        ("fchmod", (3, 0o4755), EPERM),
        ("fchmodat", (-100, 0, 0o2755), EPERM),
        ("fchmodat2", (-100, 0, 0o4755), EPERM),
        ("chmod", (0, 0o4755), EPERM),
        ("creat", (0, 0o4755), EPERM),
        ("open", (0, 0o101, 0o4755), EPERM),
        ("open", (0, 0, 0o4755), ALLOW),  # without O_CREAT the mode is not looked at
        ("openat", (-100, 0, 0o101, 0o644), ALLOW),
        ("openat", (-100, 0, 0o101, 0o6755), EPERM),
        ("openat", (-100, 0, 0o20200001, 0o4755), EPERM),  # O_TMPFILE
        ("mknod", (0, 0o100644), ALLOW),
        ("mknod", (0, 0o644), ALLOW),
        ("mknod", (0, 0o104755), EPERM),
        ("mknodat", (-100, 0, 0o020666), EPERM),
        ("mknodat", (-100, 0, 0o060666), EPERM),
        ("mknodat", (-100, 0, 0o010666), EPERM),
    ],
)
def test_calls_are_judged_by_their_arguments(
    machine: str, name: str, arguments: tuple[int, ...], expected: str | int
) -> None:
    """Only the 32 bits that the kernel looks at count, and the harmless use of the same call passes."""
    arch = ARCHITECTURES[machine]
    if name not in arch.numbers:
        pytest.skip(f"{machine} has no {name}")
    code = program(machine, network=False, memfd=False)
    assert judge(code, arch.audit, arch.numbers[name], *arguments) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_settings_open_exactly_what_they_say(machine: str) -> None:
    """`network` adds two families and nothing else; `memfd` adds one call."""
    arch = ARCHITECTURES[machine]
    network, memfd = program(machine, network=True, memfd=False), program(machine, network=False, memfd=True)
    socket, create = arch.numbers["socket"], arch.numbers["memfd_create"]
    assert [judge(network, arch.audit, socket, family) for family in (1, 2, 10)] == [ALLOW] * 3
    assert [judge(network, arch.audit, socket, family) for family in (16, 17, 40)] == [EAFNOSUPPORT] * 3
    assert judge(network, arch.audit, create) == ENOSYS
    assert judge(memfd, arch.audit, create) == ALLOW
    assert judge(memfd, arch.audit, socket, 2) == EAFNOSUPPORT


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("network", [True, False])
@pytest.mark.parametrize("memfd", [True, False])
def test_the_answers_that_the_probes_expect_are_the_programs(machine: str, network: bool, memfd: bool) -> None:
    """The table of witnesses and the filter cannot drift apart."""
    arch, code = ARCHITECTURES[machine], program(machine, network=network, memfd=memfd)
    for name, number, first, second, errno in answers(machine, network=network, memfd=memfd):
        assert judge(code, arch.audit, number, first, second) == errno, name


def test_a_machine_without_a_table_is_refused() -> None:
    """Nothing runs unfiltered on an architecture that nobody has looked at."""
    with pytest.raises(Unfit) as refused:
        program("riscv64", network=False, memfd=False)
    assert refused.value.finding == "LG905"


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_numbers_agree_with_the_kernels_headers(machine: str, header: str) -> None:
    """Our table against the headers of this machine, for every name that both have."""
    if not Path(header).exists():
        pytest.skip("no kernel headers here")
    text = Path(header).read_text(encoding="utf-8")
    theirs = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\s", text)}
    ours = {**ARCHITECTURES[machine].numbers, **ARCHITECTURES[machine].alone}
    both = ours.keys() & theirs.keys()
    assert len(both) > 80
    assert {name: theirs[name] for name in both} == {name: ours[name] for name in both}
