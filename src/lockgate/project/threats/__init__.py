"""The living threat model of a project: facts are gathered from the verified log, and the rules judge them."""
