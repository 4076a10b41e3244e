"""Of each drill of a running house the one check that is patched out, so that the attack succeeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lockgate.testing import Patch

CHECKS: Mapping[str, Sequence[Patch]] = {
    # Whoever lies there is taken for somebody of the house.
    "forged-records": (
        Patch(
            "supervise/announcing.py",
            "        if began is None or began.log != self.log:\n            return False\n",
            "        if began is None:\n            return folder == SPOOL\n",
        ),
    ),
    # One check at two places: before a record is taken into memory, and when it waited there in vain.
    "full-disk": (
        Patch("serve/recording/recorder.py", 'if self._policy.unrecorded == "answer":', "if mode:"),
        Patch("serve/recording/recorder.py", 'if self._policy.unrecorded != "answer":', "if not entries:"),
    ),
    # What has ended is started again, and told: nobody does.
    "killed-sealer": (
        Patch(
            "supervise/process.py",
            "        if self._due is None or now < self._due:\n            return False\n",
            '        if self._due is None or now < self._due or (self.codes and self.name == "sealer"):\n'
            "            return False\n",
        ),
    ),
    "frozen-log": (Patch("serve/gateway.py", "self._stale = age > policy.max_staleness", "self._stale = age < 0"),),
    "code-in-gateway": (
        Patch("serve/appending/following.py", "if name != gateway or number > due:", "if number > due:"),
    ),
}

HALVES: Mapping[str, Sequence[Patch]] = {
    # The folder of the keys under another name in the gateway's jail.
    "code-in-gateway: keys": (
        Patch(
            "supervise/jails.py",
            '    binds.append(Bind(home / "log" / "predictions", PREDICTIONS))\n    jail = named(\n',
            '    binds.append(Bind(home / "log" / "predictions", PREDICTIONS))\n'
            "    from lockgate.trust.pin import config_home\n\n"
            '    binds.append(Bind(config_home(), "/in/rows"))\n    jail = named(\n',
        ),
    ),
}
"""What else each of these would see: by drill and what is open then."""
