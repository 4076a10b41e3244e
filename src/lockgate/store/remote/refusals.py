"""What goes wrong with a registry, as errors: host, repository, status, the registry's own words, the next command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.core.digest import Digest
from lockgate.core.shown import shown
from lockgate.errors import Refused, Unavailable, VerificationFailed
from lockgate.store.remote.reference import Reference


@dataclass(frozen=True)
class Refusals:
    """The errors of one repository."""

    reference: Reference

    def unreachable(self, why: str, status: int = 0, words: str = "") -> Unavailable:
        """LG880: it was asked several times, or the connection itself cannot be had."""
        host = self.reference.registry
        return Unavailable(
            "LG880",
            f"{host} cannot be reached or does not answer as it should: {shown(why)}{_said(words)}",
            seen=self._seen(status, words),
            next=f"look whether {host} is up and reachable from here, then run the same command again",
        )

    def untrusted(self, why: str) -> Unavailable:
        """LG880: there is no connection that could be trusted. Nothing was sent."""
        return Unavailable(
            "LG880",
            f"{self.reference.registry} cannot show who it is: {shown(why)}; nothing was sent",
            seen=self._seen(),
            next="if its authority is one of your own: the same command with SSL_CERT_FILE=<its certificate>",
        )

    def unauthorized(self, status: int, words: str = "", why: str = "") -> Refused:
        """LG882: no credentials, or not good enough ones."""
        host, name = self.reference.registry, self.reference.repository
        reason = why or ("it does not let you in" if status == 401 else "you may not do that")
        return Refused(
            "LG882",
            f"{host} says no to {name}: {shown(reason)}{_said(words)}",
            seen=self._seen(status, words),
            next=f"docker login {host}   # or: podman login {host}, as a user who may use {name}",
        )

    def absent(self, what: str, words: str = "") -> Unavailable:
        """LG883: the registry says that it does not have it."""
        return Unavailable(
            "LG883",
            f"{self.reference.name} does not have {shown(what)}{_said(words)}",
            seen=self._seen(404, words) | {"wanted": shown(what)},
            next="look at the name and the tag; if they are right, ask who pushed it",
        )

    def other_bytes(self, what: str, why: str, seen: Mapping[str, object] | None = None) -> VerificationFailed:
        """LG884: what came is not what was asked for. Nothing of it was kept."""
        return VerificationFailed(
            "LG884",
            f"{self.reference.name} sends other bytes than those of {shown(what)}: {why}; nothing was kept",
            seen=self._seen() | {"wanted": what} | dict(seen or {}),
            next="keep what is there as evidence; have it removed there and pushed again from where it is whole",
        )

    def outside_protocol(self, why: str, status: int = 0, words: str = "") -> Unavailable:
        """LG885: it answers as no registry may."""
        return Unavailable(
            "LG885",
            f"{self.reference.registry} does not answer as a registry does: {shown(why)}{_said(words)}",
            seen=self._seen(status, words),
            next=f"look whether {self.reference.registry} is an OCI registry and nothing else answers in its place",
        )

    def unsafe(self, why: str, next: str) -> Refused:  # noqa: A002 - the word of the CLI contract
        """LG886: bytes or secrets would go where they must not."""
        return Refused("LG886", f"{self.reference.registry}: {shown(why)}", seen=self._seen(), next=next)

    def not_taken(self, what: str, status: int, words: str) -> Refused:
        """LG889: it does not store what we send."""
        answered = f" (status {status})" if status else ""
        return Refused(
            "LG889",
            f"{self.reference.name} does not take {shown(what)}{answered}{_said(words)}",
            seen=self._seen(status, words) | {"sent": shown(what)},
            next=f"look at the limits and rules of {self.reference.registry}; a registry may be read-only or full",
        )

    def short_or_long(self, what: Digest, expected: int, seen: int) -> VerificationFailed:
        """LG884, by size alone."""
        return self.other_bytes(what, f"{expected} bytes were promised, it has {seen}", {"expected": expected})

    def _seen(self, status: int = 0, words: str = "") -> dict[str, object]:
        found: dict[str, object] = {"registry": self.reference.registry, "repository": self.reference.repository}
        if status:
            found["status"] = status
        return found | ({"registry_says": words} if words else {})


def _said(words: str) -> str:
    return f" (it says: {words})" if words else ""
