"""The log: append-only, verifiable by anybody, sealed by one key. Re-exports nothing.

A door that imported the sealer would load it into the gateway.
"""
