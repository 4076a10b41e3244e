"""Records of what was answered: given a number, committed to, on the disk and in the log before the answer leaves.

Takes: predictions as the output policy left them, and labels. Gives: receipts. Trusts: the supervisor, which says how
far the sealer is. Threats: a full or failing disk, a crash at any moment. Evidence: the spool, which the sealer reads.
"""
