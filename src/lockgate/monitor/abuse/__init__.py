"""Whether somebody attacks a model by asking it: detectors that look at rows and answers, one key at a time.

Takes:    a population (numbers of the accepted rows, part of monitor.json), answered rows, what the model said of them.
Gives:    findings of keys, each with its evidence in counts; the same classes run in the gateway, drills and bench/.
Trusts:   the population, which the registration names; the caller's word on whose rows these are.
Threats:  evasion by queries, extraction by synthetic queries, many keys that act as one.
Evidence: bench/abuse prints what is caught, what is not, and how often a customer is mistaken.

`facts` are read with the plan and loads no numpy. Nothing here imports other parts of `monitor`.
"""
