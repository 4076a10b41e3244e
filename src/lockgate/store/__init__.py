"""Bytes on disk: written whole or not at all, read only after their digest was checked.

Knows nothing of keys or statements; `trust` stands above it.
"""
