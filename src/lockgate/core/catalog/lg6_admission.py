"""Findings of admission: who may ask the gateway, and how much."""

from __future__ import annotations

from lockgate.core.catalog import Finding

FINDINGS = (
    Finding(
        "LG642",
        "Too many requests without a valid credential came from this address (429)",
        "Guessing a key, or trying many tokens, is done by asking often. Who has a valid key is not counted.",
        "Mend the key that is sent, and wait as Retry-After says. Behind a proxy all clients have one address: "
        "see `[serve] unheard`.",
    ),
    Finding(
        "LG643",
        "The token settings or the issuer's public keys cannot be used",
        "A token that is verified with the wrong keys, or with none, would let anybody in.",
        "`[serve.oidc]` needs `jwks` (a file with the issuer's JWKS), `issuer` and `audience`, all three. The message "
        "says what is wrong; a running gateway keeps the keys that it had.",
    ),
    Finding(
        "LG644",
        "All clients together are above the model's rate (429)",
        "One model's worker has one capacity; without a total its clients would take it from each other.",
        "Wait as Retry-After says, or raise `[serve] model_rate`.",
    ),
    Finding(
        "LG645",
        "Too many requests of this client are under way (429)",
        "One client's waiting requests would fill the queue that all of them share.",
        "Wait for answers before asking more; `lockgate clients list` shows how many may be under way.",
    ),
    Finding(
        "LG646",
        "The client has used up its rows of this day (429)",
        "A model is copied by many questions, however slowly they are asked.",
        "It starts anew at midnight UTC. A larger budget is given with a new client:"
        " `lockgate clients add NAME --budget N`.",
    ),
    Finding(
        "LG647",
        "The used budgets cannot be read or written",
        "A count that is lost would give each client its whole day again.",
        "Free disk space for `.lockgate/state/spool`. A malformed file is to be removed: the day then starts anew.",
    ),
    Finding(
        "LG648",
        "The file of the issuer's public keys holds a private or a shared key",
        "Whoever reads the file could make tokens for anybody.",
        "Put only the public keys into it, and change the keys: they were where they must not be.",
    ),
)
