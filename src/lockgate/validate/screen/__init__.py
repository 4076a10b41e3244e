"""Poisoned rows, looked for among those that the contract accepted: what the numbers say, and nothing of files.

Each rule is a module of its own, a function of a `Table` that gives what it found or says why it could not look. The
jail calls them (`validate.jail.screen`); what follows from what they found is decided outside (`validate.screened`).
"""
