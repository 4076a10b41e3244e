"""LG8xx: trust."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = ()
