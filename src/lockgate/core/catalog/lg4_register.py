"""LG4xx: register."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = ()
