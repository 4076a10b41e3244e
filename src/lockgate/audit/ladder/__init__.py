"""The ladder's checks: what the gateways observed of a candidate, and what follows from it. Pure but for `gather`.

Trusts no count: a record that cannot be true is refused and told (LG550), and no count makes a check take long. What
a gateway that lies can do is to have a candidate withdrawn, or to keep one from it; `verify` compares its counts
with its own prediction records.
"""
