"""Simulations of customers and of attackers of a model, against the detectors that the gateway runs."""
