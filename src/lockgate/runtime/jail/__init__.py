"""Runs inside the jail, in the project's locked environment: no key, no network, no log."""
