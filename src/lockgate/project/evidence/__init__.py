"""`lockgate export evidence`: what outsiders get. Everything is verified here first; `export.evidence` writes it."""
