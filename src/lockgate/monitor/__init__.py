"""Whether what a served model is asked, and what it answers, is still what it was: drift, told with a stated error.

Takes:    a plan (cut points and counts of the reference), and rows of production as they come.
Gives:    counts that add up over workers and machines, and from them e-values that may be watched for ever.
Trusts:   the plan, which the registration names; counts are a gateway's word.
Threats:  inference manipulation, slow poisoning by feedback, silent failure.
Evidence: records of kind `window` in the log of predictions; alarms and what people say of them in the event log.
"""
