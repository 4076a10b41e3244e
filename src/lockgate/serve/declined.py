"""A request that is not answered: one type, which carries the HTTP status beside the finding. Never internals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.serve.http import Reply


class Declined(Refused):
    """The request gets `status`, a JSON body with finding and sentence, and these headers.

    `errors` are Pydantic's own where a contract refused records.
    """

    def __init__(
        self,
        status: int,
        finding: str,
        message: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(finding, message)
        self.status = status
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The JSON answer. `error` is the one member that Open Inference Protocol clients read."""
        return {
            "error": self.message,
            "errors": list(self.errors),
            "finding": self.finding,
            "message": self.message,
        }

    def reply(self) -> Reply:
        """The HTTP reply."""
        headers = tuple(self.headers.items())
        return Reply(self.status, encode(self.body()), headers, close=self.headers.get("Connection") == "close")


class WorkerLost(Exception):
    """The worker's socket ended, or it broke the protocol or its deadline. Its requests in flight are lost."""


class NoAnswer(Exception):
    """The model gave nothing that can be handed on for these rows; the worker goes on."""


class Deadly(Exception):
    """The request was at work each time when a worker was lost: it is not tried again."""


class Full(Exception):
    """More is waiting than will be answered in time."""


class CannotRecord(Exception):
    """The record could not be made as durable as the policy demands."""


def unavailable(finding: str, message: str, *, retry: int = 1) -> Declined:
    """503 with `Retry-After` in seconds: nothing is wrong with the request."""
    return Declined(503, finding, message, headers={"Retry-After": str(retry)})
