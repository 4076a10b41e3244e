"""Limits of the HTTP front. Pure; the sizes of bodies and the rates are `Caps`."""

from __future__ import annotations

from dataclasses import dataclass

ANSWERS = 3
"""A reply that the core forgot is waited for, so many times its own deadline for an answer."""


@dataclass(frozen=True)
class Limits:
    """What one peer, and all of them together, may take. Sizes in bytes, times in seconds.

    `head`: until a head is whole, from the connection or its first byte; `idle`: between requests; `send`: without
    taking what it was sent; `linger`: to read a last reply; `grace`: to finish at the end; `age`: until a connection
    takes no further request, so that its peer is looked at anew. `held`: of unfinished bodies of all peers, and once
    half of it is used, an eighth or one body of one client's; `unsent`: of replies that they do not take.
    `per_address`: connections, of one /64 in IPv6; those of this machine may all be one proxy's, and have the overall
    cap alone.
    """

    head_bytes: int = 16 << 10
    headers: int = 64
    target: int = 2048
    head: float = 10.0
    handshake: float = 5.0
    idle: float = 30.0
    send: float = 30.0
    age: float = 3600.0
    linger: float = 2.0
    grace: float = 5.0
    held: int = 64 << 20
    unsent: int = 64 << 20
    per_address: int = 128
    tick: float = 0.25
