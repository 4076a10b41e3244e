"""Who may say what: keys, roles, root, policy, signatures.

Re-exports nothing: a door that imported the signer would load it into every process that verifies.

Threats: LT16 a loosened policy, LT17 another root or other roles.
"""
