"""Attacks replayed against a twin of one's own project, through the command line and the network alone."""
