"""Which repository of which registry: the text that a person types, read in one way. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from lockgate.core.digest import Digest, parse_digest
from lockgate.errors import Usage

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY: Final = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_LONGEST: Final = 512


@dataclass(frozen=True)
class Reference:
    """A repository of a registry, and in it a tag, a digest, both or neither.

    registry.example:5000/team/flights:v7@sha256:41d0...
    `registry` has its port where one was written; `tag` is "" and `digest` None where none was.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: Digest | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def name(self) -> str:
        """`registry.example:5000/team/flights`."""
        return f"{self.registry}/{self.repository}"


def parse(text: str) -> Reference:
    """Read a reference. There is no default registry: the first part names one.

    A registry is told from a repository by a dot, a port, square brackets, or by being `localhost`. Raises Usage
    (LG881) for anything that is not spelt in the one way in which it is printed again.
    """
    try:
        found = _parse(text)
        if str(found) != text:
            raise ValueError("it has another spelling")
    except ValueError as error:
        raise Usage(
            "LG881",
            f"{_shown(text)} does not name a repository of a registry: {error}",
            seen={"reference": _shown(text)},
            next="write it as HOST[:PORT]/NAME[:TAG], such as registry.example:5000/team/flights:v7",
        ) from None
    return found


def check_tag(tag: str) -> str:
    """Return a tag. Raises ValueError for what cannot be one."""
    if not _TAG.fullmatch(tag):
        raise ValueError("a tag has letters, digits and _ . - only, and does not begin with . or -")
    return tag


def host_of(registry: str) -> str:
    """The host of a registry, without port and brackets."""
    return registry.rsplit("]", 1)[0].removeprefix("[") if registry.startswith("[") else registry.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its spelling: no name is looked up."""
    host = host.removeprefix("[").removesuffix("]")
    if host == "localhost":
        return True
    for kind in (IPv4Address, IPv6Address):
        try:
            return kind(host).is_loopback
        except AddressValueError:
            continue
    return False


def _parse(text: str) -> Reference:
    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST} characters")
    rest, at, digest = text.partition("@")
    registry, slash, path = rest.partition("/")
    if not slash or not ("." in registry or ":" in registry or registry == "localhost"):
        raise ValueError("its first part names no registry, and there is no default one")
    repository, colon, tag = path.partition(":")
    _check_registry(registry)
    if not _REPOSITORY.fullmatch(repository):
        raise ValueError("a repository has lower-case letters and digits, with single . _ - and / between")
    if colon:
        check_tag(tag)
    return Reference(registry, repository, tag, parse_digest(digest) if at else None)


def _check_registry(registry: str) -> None:
    host = host_of(registry)
    bracketed = registry.startswith("[")
    tail = registry[len(host) + 2 * bracketed :]
    if bracketed:
        if f"[{host}]{tail}" != registry or "%" in host or str(IPv6Address(host)) != host:
            raise ValueError("an IPv6 address is written in its shortest form, in square brackets")
    elif not _HOST.fullmatch(host) or len(host) > 253:
        raise ValueError("a host has lower-case letters, digits, dots and hyphens")
    if tail and not (tail.startswith(":") and _PORT.fullmatch(tail[1:]) and int(tail[1:]) < 1 << 16):
        raise ValueError("a port is a number from 1 to 65535")


def _shown(text: str) -> str:
    return ascii(text[:100])
