"""Findings of the gateway's HTTP front and of TLS."""

from __future__ import annotations

from lockgate.core.catalog import Finding

FINDINGS = (
    Finding(
        "LG636",
        "The gateway holds as many unfinished bodies as it may (503)",
        "Many large bodies that arrive slowly, each within its limits, would together take the gateway's memory. Once "
        "half of what there is for them is used, one client has an eighth of it at most.",
        "Send again as Retry-After says; send the body at once, or fewer records in it.",
    ),
    Finding(
        "LG637",
        "The gateway cannot use the TLS certificate that it was handed",
        "Without it no connection can be made. At a renewal the certificate before it stays in use.",
        "Put a PEM certificate with its chain, and its key, where `[serve.tls]` says.",
    ),
    Finding(
        "LG638",
        "No connection can be accepted",
        "The process has no file descriptor left, or its socket is gone; who is connected goes on.",
        "Lower the number of connections, or start the gateway with a higher limit on open files.",
    ),
    Finding(
        "LG639",
        "TLS cannot be served with these files",
        "A certificate that has expired, or that its key does not fit, would be refused by every client.",
        "The message says which it is. Renew the certificate; the key must be a plain PEM file that only you may read.",
    ),
    Finding(
        "LG640",
        "TLS is set half",
        "A certificate without its key, or an authority for clients without either, serves nobody.",
        "Set `certificate` and `key` in `[serve.tls]`, or give `--tls-cert` and `--tls-key`.",
    ),
)
