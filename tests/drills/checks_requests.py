"""Of each drill over HTTP the one check that is patched out, so that the attack succeeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lockgate.testing import Patch


def _anybody(where: str) -> Patch:
    """Whoever has no credential is taken for the first client, where this holds."""
    return Patch(
        "serve/admission/admission.py",
        "            account = self._with_certificate(certificate, header, account)\n        if account is None:\n",
        "            account = self._with_certificate(certificate, header, account)\n"
        f"        if {where}:\n"
        "            account = account or next(iter(self._book.by_name.values()), None)\n        if account is None:\n",
    )


_ANYBODY = _anybody("head is not None")

CHECKS: Mapping[str, Sequence[Patch]] = {
    "public-bind": (
        Patch("serve/run.py", "if not rules.is_loopback(spec.host) and spec.tls is None:", "if not spec.host:"),
    ),
    "default-credentials": (_ANYBODY,),
    "no-key": (_ANYBODY,),
    # One check at two places: before the body is read, and when its rows are counted.
    "request-flood": (
        Patch("serve/admission/rules.py", "return early if early > 0.0 else 0.0", "return 0.0 * early"),
        Patch("serve/admission/rules.py", "return self._arrival - now > self._slack", "return False"),
    ),
    # A body that says its length, and one in chunks.
    "oversized-request": (
        Patch("serve/edge.py", "if length > begun.most:", "if length < 0:"),
        Patch("serve/bodies.py", "if len(self.body) + size > self._most:", "if size < 0:"),
    ),
    "pickled-body": (Patch("serve/calls/media.py", "if not call.media:", "if call is not None:"),),
    # Not a check taken out, for there is none that lets such calls in: whatever is asked for is answered with what the
    # server says of itself.
    "error-probing": (
        Patch(
            "serve/calls/table.py",
            'raise Declined(404, "LG603", "there is no such call")',
            'return self._exact[("GET", "/v2")]',
        ),
    ),
    # What the contract refuses goes to the model all the same. It cannot as it is: some row of the right types does.
    "impossible-record": (
        Patch(
            "serve/service.py",
            "            if checked.errors:\n                raise _refused(given.rows, checked.errors)\n"
            "            given.values = live.checker.learn(given, checked.columns)\n",
            '            some = {"float": 0.5, "int": 1, "bool": True}\n'
            '            row = tuple(some.get(kind, "2013-01-01T00:00:00Z") for _, kind in live.checker._inputs)\n'
            "            given.values = [row] * given.rows\n",
        ),
    ),
}

HALVES: Mapping[str, Sequence[Patch]] = {
    # One call forgot to ask who calls. What it says then of an empty body is an answer too.
    "default-credentials: one call": (_anybody('(head.method, head.path) == ("POST", "/feedback")'),),
    # Two places again: in which accounts are found, and what a revoked one may.
    "no-key: revoked": (
        Patch("serve/admission/accounts.py", " if account.client.revoked is None]", "]"),
        Patch("serve/rules.py", "client.revoked is None and action in", "action in"),
    ),
    "request-flood: twice as much": (
        Patch("serve/admission/accounts.py", "max(1, client.burst // share)", "2 * max(1, client.burst // share)"),
    ),
    # A pickle that says of itself that it is JSON.
    "pickled-body: loaded": (
        Patch(
            "serve/body.py",
            "    try:\n        return checker.read(body, limit=limit)\n",
            "    try:\n        if body.startswith(b'cbuiltins'):\n            import pickle\n\n"
            "            body = pickle.loads(body)\n        return checker.read(body, limit=limit)\n",
        ),
    ),
    "error-probing: words of the inside": (
        Patch("serve/calls/table.py", '"there is no such call")', 'f"there is no such call in {__file__}")'),
    ),
    "error-probing: ended": (
        Patch("serve/bodies.py", 'raise Malformed("the chunks are too small")', '__import__("os")._exit(3)'),
    ),
    "error-probing: fetched": (
        Patch("supervise/jails.py", 'return replace(jail, network=False), Target("lockgate.serve.gateway"',
              'return replace(jail, network=True), Target("lockgate.serve.gateway"'),
        Patch(
            "serve/body.py",
            "    try:\n        return checker.read(body, limit=limit)\n",
            "    import re\n    import socket\n\n    for port in re.findall(rb'127.0.0.1:([0-9]+)/x.npy', body):\n"
            "        socket.create_connection(('127.0.0.1', int(port)), 1).close()\n"
            "    try:\n        return checker.read(body, limit=limit)\n",
        ),
    ),
}  # fmt: skip
"""What else each of these would see: by drill and what is open then."""
