"""Calls that must be denied, really made, on throw-away copies with throw-away keys; beside each, one that is allowed.

What is tried is the code that a reader, a sealer or a gateway runs, with the project's own roles file, policy and log;
only the keys are others, for nobody lends a key to be misused.
"""
