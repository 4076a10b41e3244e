"""An alarm sent to who wants to be told: one HTTP request, in a thread, tried a few times, and never waited for.

    {"alarm": {...}, "envelope": {DSSE}}        the envelope is what counts: signed with the guard's public key

The address stands in lockgate.toml, and the signed policy says where it may lead: asked for each alarm. No redirect is
followed, for it would lead elsewhere. What comes back is not read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from lockgate.core.encoding import decode_exact, encode
from lockgate.core.shown import shown

if TYPE_CHECKING:
    from lockgate.supervise.alarming import Signed

FINDING: Final = "LG696"
SECONDS: Final = 5.0
PAUSES: Final = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Before each further try."""
_MOST_WAITING: Final = 8


class Webhook:
    """Sends alarms to `url`. `token` gives what it is told with, or nothing."""

    def __init__(self, url: str, token: Callable[[], str] = str, pauses: tuple[float, ...] = PAUSES) -> None:
        self._url = url
        self._token = token
        self._pauses = pauses
        self._lines: list[str] = []
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def send(self, signed: Signed) -> None:
        """Begin. Told, and not sent, where the policy does not allow the address."""
        self._threads = [one for one in self._threads if one.is_alive()]
        if not signed.allows(self._url):
            self._fail("the policy does not allow its address: add its beginning to webhooks, or take it out")
        elif len(self._threads) >= _MOST_WAITING:
            self._fail("too many alarms wait to be sent already")
        else:
            body = encode({"alarm": _plain(signed.predicate), "envelope": decode_exact(signed.envelope)})
            thread = threading.Thread(target=self._run, args=(body,), name="webhook", daemon=True)
            self._threads.append(thread)
            thread.start()

    def lines(self) -> list[str]:
        """What a person is to be told since it was last asked: of each alarm that did not arrive."""
        lines, self._lines = self._lines, []
        return lines

    def close(self) -> None:
        """Try no more; a request that is under way is left to end by itself."""
        self._ending.set()

    def wait(self, seconds: float) -> None:
        """Until all were sent, or given up."""
        for thread in self._threads:
            thread.join(seconds)

    def _run(self, body: bytes) -> None:
        why = ""
        for pause in (0.0, *self._pauses):
            if self._ending.wait(pause):
                return
            why = self._try(body)
            if not why:
                return
        self._fail(f"an alarm was not taken, and is not sent again: {why}")

    def _try(self, body: bytes) -> str:
        """Why it was not taken; "" when it was."""
        # Only who sends needs it: it is not in the memory of a house without a webhook.
        from urllib3 import PoolManager, Timeout
        from urllib3.exceptions import HTTPError

        headers = {"Content-Type": "application/json", "User-Agent": "lockgate"}
        try:
            token = self._token()
            headers |= {"Authorization": f"Bearer {token}"} if token else {}
            with PoolManager() as pool:
                answer = pool.urlopen(
                    "POST",
                    self._url,
                    body=body,
                    headers=headers,
                    redirect=False,
                    retries=False,
                    timeout=Timeout(total=SECONDS),
                    preload_content=False,
                )
                answer.close()
        except (HTTPError, OSError, ValueError) as error:
            return type(error).__name__
        except Exception as error:  # noqa: BLE001 - a token that cannot be had, too, is only told
            return f"it could not be asked: {type(error).__name__}"
        return "" if 200 <= answer.status < 300 else f"the answer was {answer.status}"

    def _fail(self, why: str) -> None:
        self._lines.append(f"webhook: {FINDING} {shown(why)}")


def _plain(predicate: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in predicate.items() if key != "claim"}
