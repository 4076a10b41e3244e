"""register: a judged candidate becomes a signed, write-once entry of the registry.

Takes: the heads of ingest, validate, train and judge; the candidate's files, by digest.
Gives: `name@version`: manifest, files, OpenSSF signature, scan statement, registration statement.
Trusts: statements that the ledger verified and that are joined by digest; no file name, no file type, no database.
Threats: LT10 code in a model file, LT11 in its settings; LT12 bytes that change, LT13 a name that is somebody else's.
Evidence: a test-result statement (scan) and a registration statement, both by role signer.
"""

from __future__ import annotations

from lockgate.core.lazy import door

__all__ = ["RegisterResult", "RegisterSpec"]

__getattr__ = door(
    __name__,
    {
        "RegisterResult": "lockgate.register.spec",
        "RegisterSpec": "lockgate.register.spec",
    },
)
