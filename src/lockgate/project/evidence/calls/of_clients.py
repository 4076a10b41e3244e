"""Who may ask the gateway: the doorman that it runs, with the project's caps, asked by throw-away clients.

No client of the project is named, none of their keys is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lockgate.export.evidence.spec import Attempt
from lockgate.project.evidence.calls.made import Table
from lockgate.serve.admission.admission import Admission
from lockgate.serve.clients import ClientRegistry, render_clients
from lockgate.serve.http import Head, Peer
from lockgate.serve.spec import Caps
from lockgate.trust._edgefile import edge_secrets

if TYPE_CHECKING:
    from lockgate.export.evidence.spec import Case
    from lockgate.serve.spec import Action

_ASKING: Final = Table("gateway", "serve.admission")
_HERE, _ELSEWHERE = "dev", "elsewhere"


def attempts(case: Case, place: Path) -> Iterator[Attempt]:
    """Ask without a key, with a wrong, revoked and expired one, for another model, action and environment, too much."""
    registry = ClientRegistry(place / "state", place / "edge.json")
    (place / "state" / "locks").mkdir(parents=True)

    def add(name: str, **more: Any) -> str:
        return registry.add(name, now=case.made, **more).key

    keys = {
        "listed": add("listed", models=(case.name,)),
        "other-model": add("other-model", models=("another-model",)),
        "describes": add("describes", models=(case.name,), actions=("describe",)),
        "other-place": add("other-place", models=(case.name,), environments=(_ELSEWHERE,)),
        "revoked": add("revoked", models=(case.name,)),
        "expired": add("expired", models=(case.name,), expires=case.made - timedelta(days=1)),
        "small": add("small", models=(case.name,), rate=1.0, burst=10),
        "large": add("large", models=(case.name,), rate=1.0, burst=10),
    }
    registry.revoke("revoked", now=case.made)
    doorman = _doorman(case, registry, place)
    asks = _asker(doorman, case.name)
    yield _ASKING.call("a client that is listed for this model", "predict", "allowed", asks(keys["listed"]))
    for who, key in (
        ("nobody: no key is sent", ""),
        ("a stranger: a key that nobody was given", "lgk_" + "A" * 43),
        ("a client that was revoked", keys["revoked"]),
        ("a client whose key has expired", keys["expired"]),
        ("a client that is listed for another model", keys["other-model"]),
        ("a client that is listed for another environment", keys["other-place"]),
        ("a client that may only ask what the model is", keys["describes"]),
    ):
        yield _ASKING.call(who, "predict", "refused", asks(key))
    yield _ASKING.call(
        "a client that may only ask what the model is", "describe", "allowed", asks(keys["describes"], "describe")
    )
    small = asks(keys["small"], rows=10)
    yield _ASKING.call("a client of 10 rows at once, 1 a second", "predict 10 rows", "allowed", small)
    yield _ASKING.call("a client of 10 rows at once, 1 a second", "predict 10 more at once", "refused", small)
    more = asks(keys["large"], rows=11)
    yield _ASKING.call("a client of 10 rows at once, 1 a second", "predict 11 rows in one request", "refused", more)


def _doorman(case: Case, registry: ClientRegistry, place: Path) -> Admission:
    moment = case.made.timestamp()
    found = Admission(
        environment=_HERE,
        caps=Caps(),
        pepper=edge_secrets(place / "edge.json").pepper,
        clock=lambda: 1000.0,
        wall=lambda: moment,
    )
    found.reload("clients", render_clients(registry.list()))
    return found


def _asker(doorman: Admission, model: str) -> Callable[..., Callable[[], object]]:
    def asks(key: str, action: Action = "predict", rows: int = 1) -> Callable[[], object]:
        headers = {"authorization": f"Bearer {key}"} if key else {}

        def ask() -> object:
            client = doorman.authenticate(Head("POST", "/predict", headers, Peer("192.0.2.1")))
            doorman.authorise(client, action, model)
            doorman.enter(client, action)
            try:
                return doorman.charge(client, model, rows) if action == "predict" else None
            finally:
                doorman.leave(client)

        return ask

    return asks
