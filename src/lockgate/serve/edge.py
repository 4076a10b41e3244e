"""The HTTP edge: bytes from a network to calls of the service. Everything here is untrusted until parsed.

No request without a valid key is answered, whatever its path or method: the doorman stands before the router.
Every answer is JSON; a refusal is `{"finding", "message", "errors"}` (and `error`, for inference clients).
"""

from __future__ import annotations

import asyncio
import logging
from importlib.metadata import version
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lockgate.serve import body, inference
from lockgate.serve.declined import Declined
from lockgate.serve.service import Engine, Service
from lockgate.serve.spec import Action, Client

_CLIENT = "lockgate.client"
_log = logging.getLogger(__name__)


def create_app(service: Service) -> ASGIApp:
    """The ASGI application: doorman, then router. No documentation page, no redirects."""
    handlers = {HTTPException: _http_error, Declined: _declined, Exception: _fault}
    app = Starlette(routes=routes(service), exception_handlers=handlers)
    app.router.redirect_slashes = False
    return _Doorman(app, service)


def routes(service: Service) -> list[Route]:
    """Every route of the gateway. A test walks this list without a key and with a client that may do nothing."""
    calls = _Calls(service)
    model = "/v2/models/{model}"
    pinned = model + "/versions/{version}"
    return [
        Route("/predict", calls.predict, methods=["POST"]),
        Route("/v2", calls.server, methods=["GET"]),
        Route("/v2/", calls.server, methods=["GET"]),
        Route("/v2/health/live", calls.health_live, methods=["GET"]),
        Route("/v2/health/ready", calls.health_ready, methods=["GET"]),
        *[Route(base, calls.model, methods=["GET"]) for base in (model, pinned)],
        *[Route(f"{base}/ready", calls.model_ready, methods=["GET"]) for base in (model, pinned)],
        *[Route(f"{base}/infer", calls.infer, methods=["POST"]) for base in (model, pinned)],
    ]


class _Doorman:
    """Lets nobody in without a key. Outermost, and the only place that reads the Authorization header."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the gateway speaks HTTP only, not {scope['type']}")
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        try:
            scope[_CLIENT] = self._service.authenticate(given[0].decode("latin-1") if len(given) == 1 else None)
        except Declined as declined:
            await _refusal(declined)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception:  # noqa: BLE001 - Starlette has sent what `_fault` says, and raises again
            _log.exception("LG616: a request ended in an internal error")


class _Calls:
    """One method per call. Each names the action that the client must be allowed."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def predict(self, request: Request) -> JSONResponse:
        engine = self._service.authorise(_client(request), "predict")
        value = await self._json(request)
        records = body.records_of(value, limit=self._service.caps.max_rows)
        answer, headers = await self._service.answer(_client(request), engine, records)
        content = {
            "predictions": list(answer.predictions),
            "model": answer.served.card(),
            "receipts": list(answer.receipts),
        }
        return JSONResponse(content, headers=headers)

    async def infer(self, request: Request) -> JSONResponse:
        engine = self._about(request, "predict")
        value = await self._json(request)
        names = inference.wanted(value, engine.served)
        records = inference.records_of(value, limit=self._service.caps.max_rows)
        answer, headers = await self._service.answer(_client(request), engine, records)
        return JSONResponse(inference.response(value, answer, names), headers=headers)

    async def model(self, request: Request) -> JSONResponse:
        return JSONResponse(inference.metadata(self._about(request, "describe").served))

    async def model_ready(self, request: Request) -> JSONResponse:
        served = self._about(request, "describe").served
        return JSONResponse({"name": served.name, "ready": True})

    async def server(self, request: Request) -> JSONResponse:
        _allow(request, "describe")
        return JSONResponse({"name": "lockgate", "version": version("lockgate"), "extensions": []})

    async def health_live(self, request: Request) -> JSONResponse:
        _allow(request, "describe")
        return JSONResponse({"live": True})

    async def health_ready(self, request: Request) -> JSONResponse:
        _allow(request, "describe")
        self._service.live()
        return JSONResponse({"ready": True})

    def _about(self, request: Request, action: Action) -> Engine:
        path = request.path_params
        return self._service.authorise(_client(request), action, path["model"], path.get("version"))

    async def _json(self, request: Request) -> dict[str, Any]:
        caps = self._service.caps
        _declared(request)
        try:
            async with asyncio.timeout(caps.receive):
                return body.parse(await _read(request, caps.max_body))
        except TimeoutError:
            raise Declined(408, "LG615", "the body did not arrive in time", headers={"Connection": "close"}) from None


def _client(request: Request) -> Client:
    return cast("Client", request.scope[_CLIENT])


def _allow(request: Request, action: Action) -> None:
    client = _client(request)
    if action not in client.actions:
        raise Declined(403, "LG602", f"client {client.name} may not {action} here")


def _declared(request: Request) -> None:
    """Refuse what is not declared JSON. Inference clients send no Content-Type with JSON tensors: absent is JSON."""
    headers = request.headers
    media, _, parameter = headers.get("content-type", "application/json").partition(";")
    charset = parameter.strip().lower() or "charset=utf-8"
    if media.strip().lower() != "application/json" or charset not in ("charset=utf-8", 'charset="utf-8"'):
        raise Declined(415, "LG607", "the body must be application/json in UTF-8")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Declined(415, "LG607", "compressed bodies are not taken")
    if "inference-header-content-length" in headers:
        raise Declined(415, "LG607", "binary tensors are not taken here: send data as JSON (binary_data=False)")


async def _read(request: Request, cap: int) -> bytes:
    if "transfer-encoding" in request.headers and "content-length" in request.headers:
        # Two lengths for one body: whoever stands before us may have taken the other (RFC 9112 section 6.3).
        raise Declined(400, "LG608", "a body has one length, not two", headers={"Connection": "close"})
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 18 or int(length) > cap:
        raise _too_large(cap)
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) > cap:
            raise _too_large(cap)
    return bytes(held)


def _too_large(cap: int) -> Declined:
    return Declined(413, "LG605", f"the body is larger than {cap} bytes", headers={"Connection": "close"})


def _refusal(declined: Declined) -> JSONResponse:
    return JSONResponse(declined.body(), declined.status, headers=declined.headers)


async def _declined(_request: Request, error: Exception) -> JSONResponse:
    return _refusal(cast("Declined", error))


async def _fault(_request: Request, _error: Exception) -> JSONResponse:
    return _refusal(Declined(500, "LG616", "the gateway failed on this request"))


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    said = cast("HTTPException", error)
    finding, message = {
        404: ("LG603", "there is no such call"),
        405: ("LG604", "this call takes another method"),
    }.get(said.status_code, ("LG608", "the request is not one that this gateway takes"))
    return _refusal(Declined(said.status_code, finding, message, headers=said.headers))
