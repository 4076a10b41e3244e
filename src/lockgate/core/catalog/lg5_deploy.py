"""LG5xx: deploy."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = ()
