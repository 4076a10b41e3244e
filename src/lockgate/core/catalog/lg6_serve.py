"""LG6xx: serve."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = ()
