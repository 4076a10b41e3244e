"""Runs inside a jail: `read` on untrusted files without user code; `load`, `rows` and `worker` with the user's code."""
