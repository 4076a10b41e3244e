"""The gateway's part of a ladder: who gets the candidate, what both models say, and what of that is written down.

Takes: a candidate that the evidence puts on a rung, the requests of its gateway, labels that come later.
Gives: a version for each request; records of counts, which the controller and `verify` judge.
Trusts: nothing that either model says beyond its form. Decides nothing about the ladder itself.
"""
