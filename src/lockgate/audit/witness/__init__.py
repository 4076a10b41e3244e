"""A C2SP tlog-witness, and the client that asks one.

Takes:    a signed checkpoint of a log, and a proof that it goes on from the one that the witness cosigned last.
Gives:    a timestamped cosignature; of two trees of one log, neither of which contains the other, only ever one.
Trusts:   the log keys that the operator named; its own key and its own record. Nothing that is sent.
Threats:  a log that shows different people different trees (split view); an old copy shown as the newest (rollback).
Evidence: tests/unit/audit/witness, tests/attacks/test_log_forks.py, tests/conformance/test_witness_independent.py.
"""
