"""The living threat model: each line computed from evidence. Pure; the shell that gathers it is `project.threats`.

`spec` reads the catalogue (threats, controls, boundaries, references), `facts` is what the verified log and the policy
in force say, `rules` computes a status from both.
"""
