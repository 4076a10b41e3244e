"""The log: append-only, verifiable by anybody, sealed by one key. Re-exports nothing.

A door that imported the sealer would load it into the gateway.

Threats: LT18 an edited log, LT19 one that was forked, rolled back or frozen, LT20 records forged or denied.
"""
