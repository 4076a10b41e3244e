"""Who may ask the gateway, as the library and the command line see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from lockgate.errors import Usage
from lockgate.project.opened import Opened
from lockgate.trust import pin as pins

if TYPE_CHECKING:
    from lockgate.serve.clients import ClientRegistry, NewClient
    from lockgate.serve.spec import Client

EDGE_SECRETS = "edge.json"
Value = TypeVar("Value")


class Admitting(Opened):
    """API keys, and clients that come in by a token or a certificate."""

    def add_client(self, name: str, *, kind: str = "external", **options: Any) -> str:
        """Make an API key for `name`; the only time it is seen. `options` as in `new_client`."""
        return self.new_client(name, kind=kind, **options).key

    def new_client(
        self,
        name: str,
        *,
        kind: str = "external",
        models: Sequence[str] = (),
        environments: Sequence[str] = (),
        actions: Sequence[str] = (),
        rate: str = "",
        burst: int | None = None,
        budget: int | None = None,
        in_flight: int | None = None,
        expires: str = "",
        subject: str = "",
        certificate: str = "",
        organisation: str = "",
        edits: bool = False,
    ) -> NewClient:
        """Add a client. What is not said is `lockgate.toml`'s rate and burst, every model and environment, and the
        actions predict and describe; no budget, and no end.

        `rate` as in lockgate.toml, `expires` as `serve.rules.parse_expiry` reads it, `certificate` as
        `serve.rules.certificate_name`, `organisation` and `edits` as in `serve.spec.Client`. Raises Usage LG621.
        """
        from lockgate.serve import rules
        from lockgate.serve.options import RATE

        settings, now = self.config.serve, self.now()
        said: dict[str, Any] = {
            "models": models,
            "environments": environments,
            "actions": actions,
            "in_flight": in_flight,
            "subject": subject,
            "organisation": organisation,
            "edits": edits,
            "certificate": _read(rules.certificate_name, certificate, "certificate") if certificate else "",
        }
        return self._registry().add(
            name,
            now=now,
            kind=kind,
            rate=_read(RATE.read, rate, "rate") if rate else settings.rate,
            burst=settings.burst if burst is None else burst,
            budget=budget,
            expires=_expiry(expires, now),
            **{option: value for option, value in said.items() if value not in (None, "", (), [])},
        )

    def rotate_client(self, name: str, *, overlap: str = "1h", expires: str = "") -> NewClient:
        """Another key for `name`; the one that it has counts for `overlap` (`0`: not at all). Raises Usage LG621."""
        from lockgate.serve import rules

        now = self.now()
        until = now if overlap == "0" else _read(lambda text: rules.parse_expiry(text, now), overlap, "overlap")
        return self._registry().rotate(name, now=now, overlap=until - now, expires=_expiry(expires, now))

    def clients(self) -> tuple[Client, ...]:
        """The clients; no keys."""
        return tuple(self._registry().list())

    def revoke_client(self, name: str) -> None:
        """Let a client in no more."""
        self._registry().revoke(name, now=self.now())

    def declare_client(self, name: str, *, organisation: str | None = None, edits: bool | None = None) -> Client:
        """Say to whom a client belongs, and whether it asks what-if questions; None leaves it. Raises Usage LG621."""
        return self._registry().declare(name, organisation=organisation, edits=edits)

    def _registry(self) -> ClientRegistry:
        from lockgate.serve.clients import ClientRegistry

        return ClientRegistry(self.home / "state", pins.key_folder(self.trusted_root()) / EDGE_SECRETS)


def days_left(client: Client, now: datetime) -> int | None:
    """Whole days until a client's end, 0 on its last one and after it; None without an end."""
    if client.expires is None:
        return None
    return max(0, (datetime.fromisoformat(client.expires) - now) // timedelta(days=1))


def _expiry(text: str, now: datetime) -> datetime | None:
    from lockgate.serve import rules

    return _read(lambda said: rules.parse_expiry(said, now), text, "expires") if text else None


def _read(reader: Callable[[str], Value], text: str, option: str) -> Value:
    try:
        return reader(text)
    except ValueError as error:
        raise Usage(
            "LG621", f"--{option} {text!r}: {error}", seen={option: text}, next="lockgate clients add --help"
        ) from None
