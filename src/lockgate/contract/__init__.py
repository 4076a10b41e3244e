"""The user's Pydantic model of one record: read from files, applied to batches and to requests, always in a jail.

`spec`, `account`, `call` and `findings` are pure; `sources`, `closure`, `reading` and `jailed` are the host's side;
`jail/` is what meets untrusted bytes (`read`) and the user's own code (`load`, `rows`, `worker`).
"""
