"""Replay: a candidate and the live model asked the same rows, in their jails, in place of shadow traffic.

Takes      the candidate's held-out rows, or a file of rows, where the policy lets a replay stand in
Gives      a file of predictions of each model; in the log a record of each file, and one of what was counted
Trusts     verified statements alone; neither the rows, nor the contracts' jails, nor the models'
Threats    inference manipulation: rows that a model was trained on, and repeated rows, speak for nobody
Evidence   records of the kinds `file` and `observed`, under one id: the counts say that they are of a replay
"""
