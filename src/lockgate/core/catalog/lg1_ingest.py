"""LG1xx: ingest."""

from lockgate.core.catalog import Finding

FINDINGS: tuple[Finding, ...] = ()
