"""Runs inside a jail: makes plans from rows, and replays rows against them. No key, no network, no log."""
