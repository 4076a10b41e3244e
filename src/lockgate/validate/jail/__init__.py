"""Runs inside a jail, without any user code: `check` judges, counts and sums up in one pass."""
