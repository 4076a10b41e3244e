"""A verified model in a jail, and the locked environment it runs in.

`channel`: frames and sealed files over a socket pair; `environment`: builds and re-verifies the locked environment;
`jail.worker`: the long-lived process that answers for one model; `jail.predict`: rows to outputs, which the judge
uses too. The door loads nothing: the jail enters by `jail.worker` in an environment without our dependencies.
"""
