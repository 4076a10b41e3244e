"""The gateway's part of monitoring: which bins the rows that it answered lie in, counted and written down.

Takes: rows whose answers have left, of what is live and of a candidate, each on its own; labels that come later.
Gives: records of counts. Whether they are drift is the watcher's word, and `verify` counts again.
Trusts: the plans, as files of the registered closure; no row, which may be anybody's.
Promises: no answer waits for it or fails by it. It looks at so many rows a second, and has so much of the time.
"""
