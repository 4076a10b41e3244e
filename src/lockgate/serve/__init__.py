"""Requests to a live model are checked, limited, answered and recorded; nothing else is answered.

Takes: a deployment statement of an environment, and what it rests on; client keys; requests over HTTP.
Gives: answers with receipts; one prediction record each, durable before the answer, for the sealer.
Trusts: the pinned root fingerprint and the supervisor that hands over descriptors; no file, no worker, no client.
Threats: LT04 labels, LT21 strangers, LT22 requests, LT23 copying, LT24 evasion, LT25 drift, LT26 intruders, LT27 gaps.
Evidence: a leaf of the predictions log per prediction, sealed within about a second.
"""

from __future__ import annotations

from lockgate.core.lazy import door

__all__ = ["ClientRegistry", "ServePlan", "ServeSpec", "run"]

__getattr__ = door(
    __name__,
    {
        "ClientRegistry": "lockgate.serve.clients",
        "ServePlan": "lockgate.serve.run",
        "ServeSpec": "lockgate.serve.spec",
        "run": "lockgate.serve.run",
    },
)
