"""Attacks replayed against a copy of a project. A drill is stopped only if the named finding is raised."""
