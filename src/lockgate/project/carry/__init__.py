"""How a model travels: to a registry with all its evidence, and back into a project, a mirror or a plain folder.

Takes: a registered model here, or the address of a repository there, and the fingerprint of a root.
Gives: manifests and blobs there; here a mirror or a project that verifies to the last byte.
Trusts: the root's fingerprint and the last checkpoint seen. No registry, no tag, nothing that a registry lists.
Threats: supply-chain attacks (swapped or damaged bytes, an old log replayed, another project's model under the tag).
Evidence: none of its own; what travels is the event log, whole, and what it names by digest.
"""
