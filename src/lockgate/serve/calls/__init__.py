"""The calls that a client can make, one file each: body in, reply out. What they speak is in ADR 0032.

A call is pure but for what it asks of the service: it reads its protocol, has the rows charged, hands the records on
and spells the answer. Who asks, and whether they may, was decided before (`serve.gate`).
"""
