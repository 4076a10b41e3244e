"""Attacks on the model itself: who asks as an attacker does, what follows, and what is recorded of it.

Never on the way of a request but for one look-up: whether something follows for this client.
"""
