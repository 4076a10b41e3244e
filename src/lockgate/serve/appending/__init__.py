"""Who may hand records to the sealer, and how: by a file of this machine, by a socket of it, or from another machine.

No appender has a key of the log. Here: the messages (`spec`), which files are followed and how far (`announced`,
`following`), what takes records from elsewhere (`intake`; `edge`
reads what a peer sends), and what sends them there (`forwarder`).
"""
