"""Units of a snapshot sifted by the workers of a Dask cluster, over mutual TLS; results come in the order of the rows.

Runs in a jail that has a network and the certificate for the cluster, and no other secret. Dask's messages are
pickles, so whoever holds a certificate of the cluster's authority can run code here as well as there; docs/adr/0016
says what that could do. What goes out is plain bytes, texts and numbers, and a function of this package by its name.
"""

from __future__ import annotations

import secrets
import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from lockgate.contract.cluster import CA, CERTIFICATE, KEY
from lockgate.contract.findings import clean
from lockgate.contract.jail._carried import WorkerUnfit, read_sifted
from lockgate.contract.jail.bind import Binding
from lockgate.contract.jail.sift import Sifted
from lockgate.contract.jail.sifter import said_versions, sift_unit
from lockgate.contract.jail.snapshot import UNIT_BYTES, Snapshot, Unit
from lockgate.contract.plan import Plan
from lockgate.core.wire import WireError
from lockgate.errors import Refused, Usage

if TYPE_CHECKING:
    from distributed import Future

Client: TypeAlias = Any
"""`distributed.Client`, which has no types."""

# Dask tries again by itself, and its first try may be lost on a busy machine.
CONNECT_SECONDS = 40
PATIENCE_SECONDS = 300
"""How long one unit may take, other units and lost workers included."""

_PER_THREAD, _MOST = 2, 64
_CLOSE_SECONDS = 5
_WHY = {
    "versions": "it runs other versions than this machine, and versions decide verdicts",
    "snapshot": "it does not see the snapshot that was written to the share",
}
_NEXT = {
    "versions": "install the same lockgate and the same lock of its dependencies on every machine, then run again",
    "snapshot": "mount the share under the same path on every machine, readable for the workers, then run again",
}


@dataclass(frozen=True)
class Spread:
    """A Sieve: the workers of `client` sift. `path` and `digest` are those of the snapshot on the share."""

    client: Client
    plan: Plan
    path: str
    digest: str
    dates: str = ""
    patience: float = PATIENCE_SECONDS
    unit_bytes: int = UNIT_BYTES
    numbers: str = ""

    def __call__(self, snapshot: Snapshot, binding: Binding) -> Iterator[Sifted]:
        """See Sieve. A bounded number of units is under way. Raises Refused LG222, LG226."""
        name, plan, most = f"lockgate-{secrets.token_hex(16)}", self.plan.encode(), self._most()
        waiting: deque[tuple[Unit, Future[bytes]]] = deque()
        for unit in snapshot.units(self.unit_bytes):
            waiting.append((unit, self._asked(plan, unit, name)))
            if len(waiting) == most:
                yield self._answer(*waiting.popleft(), snapshot, binding)
        while waiting:
            yield self._answer(*waiting.popleft(), snapshot, binding)

    def _most(self) -> int:
        threads: int = sum(self.client.nthreads().values())
        return max(1, min(_MOST, _PER_THREAD * threads))

    def _asked(self, plan: bytes, unit: Unit, name: str) -> Future[bytes]:
        first = unit.groups[0]
        arguments = (plan, self.path, self.digest, first, len(unit.groups), self.dates, said_versions(), self.numbers)
        found: Future[bytes] = self.client.submit(sift_unit, *arguments, key=f"{name}-{first}", pure=False)
        return found

    def _answer(self, unit: Unit, future: Future[bytes], snapshot: Snapshot, binding: Binding) -> Sifted:
        data = self._waited(future)
        try:
            return read_sifted(data, binding, snapshot.schema, unit)
        except WireError as error:
            raise _useless(f"its answer is not in form: {error}", {}) from None
        except WorkerUnfit as said:
            raise _useless(_WHY.get(said.why, "it says that it failed"), said.seen, _NEXT.get(said.why, "")) from None

    def _waited(self, future: Future[bytes]) -> Any:
        """What came back. Whatever Dask raises, or a worker raised, becomes a finding."""
        try:
            return future.result(timeout=self.patience)
        except TimeoutError:
            raise _away(f"no worker gave an answer within {self.patience:g} s", self._workers()) from None
        except (CancelledError, OSError) as error:
            raise _away("it was lost while it worked", {"said": _words(error)}) from None
        except Exception as error:  # noqa: BLE001 - a worker's exception can be of any kind
            raise _useless("it failed, or died, again and again", {"said": _words(error)}) from None
        finally:
            future.release()  # type: ignore[no-untyped-call]

    def _workers(self) -> dict[str, object]:
        return {"workers": len(self.client.nthreads())}


@contextmanager
def connected(address: str, folder: Path) -> Iterator[Client]:
    """A client of the scheduler at `address`; CA, CERTIFICATE and KEY are files in `folder`.

    The certificate of the scheduler must be of that authority and name its host. Raises Usage LG224 about the files,
    LG225 without Dask; Refused LG222 when nobody answers or no worker is there, LG223 when it is not the cluster.
    """
    try:
        import distributed
    except ImportError:
        raise Usage(
            "LG225",
            "a cluster needs Dask's distributed, which is not installed",
            next="pip install 'lockgate[cluster]'",
        ) from None
    security = _security(folder)
    try:
        client: Client = distributed.Client(  # type: ignore[no-untyped-call]
            address, security=security, timeout=CONNECT_SECONDS, set_as_default=False, direct_to_workers=False
        )
    except Exception as error:  # noqa: BLE001 - what it raises depends on the layer that failed
        raise _not_reached(address, error) from None
    try:
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError:
            raise _away("it has no workers", {"scheduler": address}) from None
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=_CLOSE_SECONDS)


def _security(folder: Path) -> Any:
    from distributed import Security

    class Named(Security):
        """Dask's settings, with the one check that it leaves out: that the certificate is the scheduler's own."""

        def get_connection_args(self, role: str) -> dict[str, Any]:
            """See Security."""
            found: dict[str, Any] = super().get_connection_args(role)  # type: ignore[no-untyped-call]
            found["ssl_context"].check_hostname = True
            return found

    files = {"tls_ca_file": CA, "tls_client_cert": CERTIFICATE, "tls_client_key": KEY}
    found: Any = Named(  # type: ignore[no-untyped-call]
        require_encryption=True, **{name: str(folder / file) for name, file in files.items()}
    )
    try:
        found.get_connection_args("client")
    except OSError as error:  # ssl.SSLError is one
        raise Usage(
            "LG224",
            "authority, certificate and key of the cluster are not three PEM files that fit each other",
            seen={"said": _words(error)},
            next="openssl x509 -in CERTIFICATE -noout -text   # and the same for the others",
        ) from None
    return found


def _not_reached(address: str, error: BaseException) -> Refused:
    """Why there is no connection: something else is there than the cluster (LG223), or nothing (LG222)."""
    said = " <- ".join(_words(each) for each in _chain(error))
    if any(isinstance(each, ssl.SSLError) or "SSL" in str(each) for each in _chain(error)):
        return Refused(
            "LG223",
            f"what answers at {address} is not the cluster: TLS with both certificates did not come about",
            seen={"scheduler": address, "said": said},
            next=f"openssl s_client -connect {address.removeprefix('tls://')} -CAfile ca.pem -cert client.pem "
            "-key client.key   # says which certificate is not of the authority, or not of this host",
        )
    return _away("it does not answer", {"scheduler": address, "said": said})


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _words(error: BaseException) -> str:
    return clean(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, 300)


def _away(why: str, seen: Mapping[str, object]) -> Refused:
    return Refused(
        "LG222", f"the cluster cannot be used just now: {why}", seen=seen, next="look at the scheduler, then run again"
    )


def _useless(why: str, seen: Mapping[str, object], following: str = "") -> Refused:
    return Refused(
        "LG226",
        f"what a worker of the cluster gave cannot be used: {why}",
        seen=seen,
        next=following or "look at the worker's log, then run again, or without --cluster",
    )
