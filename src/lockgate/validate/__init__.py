"""A snapshot judged row by row by the user's own contract, unchanged.

Takes: the snapshot that ingest signed, the contract and the code beside it.
Gives: accepted rows, quarantine with Pydantic's reasons, baseline, plan, report, and a statement by the validator.
Trusts: the ingester's statement; of a jail that runs the contract, the values that it was asked about: another counts.
Threats: LT01 data poisoning by rows that keep the contract and teach something false.
Evidence: digests of all five, counts that add up to the snapshot's rows, the reports of all jails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.core.lazy import door

if TYPE_CHECKING:
    from lockgate.validate.run import run
    from lockgate.validate.spec import ValidateResult, ValidateSpec
    from lockgate.validate.standalone import validate_files

__all__ = ["ValidateResult", "ValidateSpec", "run", "validate_files"]

__getattr__ = door(
    __name__,
    {
        "ValidateResult": "lockgate.validate.spec",
        "ValidateSpec": "lockgate.validate.spec",
        "run": "lockgate.validate.run",
        "validate_files": "lockgate.validate.standalone",
    },
)
