"""All findings by id."""

from __future__ import annotations

from lockgate.core.catalog import (
    Finding,
    lg1_ingest,
    lg2_validate,
    lg3_runs,
    lg3_train,
    lg4_import,
    lg4_policy,
    lg4_register,
    lg5_deploy,
    lg5_moves,
    lg6_serve,
    lg7_audit,
    lg7_ledger,
    lg8_carry,
    lg8_keys,
    lg8_remote,
    lg8_roles,
    lg8_signing,
    lg8_trust,
    lg9_platform,
    lg9_project,
)

_FILES = (
    lg1_ingest,
    lg2_validate,
    lg3_runs,
    lg3_train,
    lg4_import,
    lg4_policy,
    lg4_register,
    lg5_deploy,
    lg5_moves,
    lg6_serve,
    lg7_audit,
    lg7_ledger,
    lg8_carry,
    lg8_keys,
    lg8_remote,
    lg8_roles,
    lg8_signing,
    lg8_trust,
    lg9_platform,
    lg9_project,
)

FINDINGS: dict[str, Finding] = {finding.id: finding for file in _FILES for finding in file.FINDINGS}
