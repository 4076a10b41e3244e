"""Runs inside a jail: `check` with the user's contract; `reckon` afterwards, without any user code."""
