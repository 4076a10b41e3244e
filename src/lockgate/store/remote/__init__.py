"""One verified client for any registry that speaks the OCI distribution protocol.

Trusts no registry: whatever it sends is bounded, and bytes count only when they have the digest that was asked for.
Knows nothing of keys or statements. Pure: `reference`, `edge` (all that a registry says is parsed there). I/O:
`transport` beneath `auth`, `fetch`, `push`, `referrers`; `client` is the door to them.
"""
