"""Runs in the jail: looks at a person's data."""
