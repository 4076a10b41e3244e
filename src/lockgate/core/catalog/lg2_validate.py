"""LG2xx: validate."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = ()
