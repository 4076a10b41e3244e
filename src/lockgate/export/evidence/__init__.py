"""What is handed to an outsider about one model: a single archive, with a page that a person can read. Pure.

Everything in it was verified before it comes here. What an outsider believes of it rests on `verify.py`, which is in
the archive, and on the root's fingerprint, which must reach them by another way.
"""
