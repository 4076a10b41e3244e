"""Attacks by way of sockets. See `jail_attacks_table`."""

# ruff: noqa: D103 - the name of an attack says what it does

from __future__ import annotations

import array
import errno
import fcntl
import os
import socket
import struct
from pathlib import Path

from tests.support.jail_attacks_table import X86, Facts, add, attack, call, holds

STREAM, DATAGRAM, RAW, SEQUENCED = 1, 2, 3, 5
LOCAL = "127.0.0.1"

# name: family, type, protocol, where it can be made
SOCKETS = {
    "inet": (2, STREAM, 0, "bare"),
    "inet_datagram": (2, DATAGRAM, 0, "bare"),
    "inet_raw": (2, RAW, 1, "unfiltered"),
    "inet6": (10, STREAM, 0, "bare"),
    "inet6_raw": (10, RAW, 58, "unfiltered"),
    "multipath": (2, STREAM, 262, "bare"),
    "netlink_route": (16, RAW, 0, "bare"),
    "netlink_audit": (16, RAW, 9, "bare"),
    "netlink_netfilter": (16, RAW, 12, "bare"),
    "netlink_kobject": (16, RAW, 15, "bare"),
    "packet": (17, RAW, 0, "unfiltered"),
    "packet_datagram": (17, DATAGRAM, 0, "unfiltered"),
    "key": (15, RAW, 2, "unfiltered"),
    "can": (29, RAW, 1, "bare"),
    "tipc": (30, SEQUENCED, 0, "bare"),
    "bluetooth": (31, RAW, 1, "bare"),
    "alg": (38, SEQUENCED, 0, "bare"),
    "vsock": (40, STREAM, 0, "bare"),
    "vsock_datagram": (40, DATAGRAM, 0, "bare"),
    "smc": (43, STREAM, 0, "bare"),
    "xdp": (44, RAW, 0, "unfiltered"),
}
for _name, (_family, _kind, _protocol, _where) in SOCKETS.items():
    add(
        f"net_socket_{_name}",
        _where,
        lambda _, family=_family, kind=_kind, protocol=_protocol: socket.socket(family, kind, protocol),  # type: ignore[misc]
    )

add("net_sockets_of_host", "bare", lambda facts: holds("/proc/net/unix", facts["unix"]))
add("net_ports_of_host", "bare", lambda facts: holds("/proc/net/tcp", f":{facts['port']:04X} "))
add("net_name_lookup", "bare", lambda _: socket.getaddrinfo("localhost", 80))


@attack("bare")
def net_socket_with_high_bits(_: Facts) -> object:
    """A family of 64 bits, whose lower half is AF_INET: the kernel looks at that half alone."""
    return call(41 if X86 else 198, (1 << 32) | 2, STREAM, 0)


@attack("bare")
def net_socket_pair_of_another_family(_: Facts) -> object:
    """AF_INET has no pairs, and it is the family itself that says so once a caller is let in."""
    try:
        socket.socketpair(socket.AF_INET)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
    return True


@attack("bare")
def net_tcp_to_host(facts: Facts) -> object:
    return socket.create_connection((LOCAL, facts["port"]), timeout=1)


@attack("bare")
def net_tcp_fast_open(facts: Facts) -> object:
    """A connection without connect."""
    with socket.socket() as sock:
        return sock.sendto(b"x", socket.MSG_FASTOPEN, (LOCAL, facts["port"]))


@attack("bare")
def net_listen(_: Facts) -> object:
    return socket.create_server((LOCAL, 0))


@attack("bare")
def net_dns_query(facts: Facts) -> object:
    """A question in a datagram, and an answer."""
    with socket.socket(2, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1)
        sock.sendto(b"\0\1\1\0\0\1\0\0\0\0\0\0\7example\0\0\1\0\1", (LOCAL, facts["udp"]))
        return sock.recv(100)


@attack("bare")
def net_unix_socket_of_host(facts: Facts) -> object:
    socket.socket(socket.AF_UNIX).connect(facts["unix"])
    return True


@attack("bare")
def net_unix_datagram_of_host(facts: Facts) -> object:
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", facts["datagrams"])


@attack("bare")
def net_abstract_socket_of_host(facts: Facts) -> object:
    socket.socket(socket.AF_UNIX).connect("\0" + facts["abstract"])
    return True


@attack("bare")
def net_descriptor_from_host(facts: Facts) -> object:
    """A process of the host hands a descriptor of its own to whoever asks, by an abstract name."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect("\0" + facts["abstract"])
    _, descriptors, _, _ = socket.recv_fds(sock, 1, 1)
    return facts["canary"].encode() in os.pread(descriptors[0], 100, 0)


@attack("bare")
def net_interfaces(_: Facts) -> object:
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return [line for line in lines if not line.strip().startswith("lo:")]


@attack("bare")
def net_interfaces_by_ioctl(_: Facts) -> object:
    """Every socket answers SIOCGIFCONF, a unix one too."""
    names = array.array("B", bytes(4096))
    wanted = struct.pack("iL", 4096, names.buffer_info()[0])
    with socket.socket(socket.AF_UNIX) as sock:
        length, _ = struct.unpack("iL", fcntl.ioctl(sock, 0x8912, wanted))
    found = {names.tobytes()[at : at + 16].rstrip(b"\0").split(b"\0")[0] for at in range(0, length, 40)}
    return found - {b"lo"}
