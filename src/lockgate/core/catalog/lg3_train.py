"""LG3xx: train."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = ()
