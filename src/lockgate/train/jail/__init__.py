"""Runs inside a jail: `split` before training, `fit` with the user's code, `convert` for scripts, `judge` after."""
