"""`GET /openapi.json`: what can be asked here and by whom it is asked, as an OpenAPI 3.1 document.

Made from the table of routes, the live model's contract and the output policy of the client's kind, so that it cannot
lag behind. It names no other document and no other host. A client that may not use the model does not see its fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol

from lockgate.core.encoding import encode
from lockgate.serve.calls import schemas
from lockgate.serve.calls.ask import MEDIA_BINARY, MEDIA_JSON, Ask, Call, Doors, Live
from lockgate.serve.calls.schemas import Schema, closed, listed
from lockgate.serve.declined import Declined
from lockgate.serve.http import Reply
from lockgate.serve.spec import Action, Caps, OutputRule, Served

TEXT = "text/plain"

_TEXT: Schema = {"type": "string"}
_TRUE: Schema = {"const": True}
_VERSIONED = "/versions/{version}"

STATUSES = {
    400: "the request is malformed; the message says where",
    401: "no valid credential",
    403: "this client may not do this",
    404: "no such call, or this model or version is not live here",
    405: "this call takes another method",
    408: "the request did not arrive in time",
    409: "one of the receipts has a label already",
    413: "the body has too many bytes or records",
    415: "the content type or encoding is not taken",
    422: "the contract refuses a record, or a label does not fit",
    429: "above the rate, the budget or the number of requests at once",
    500: "a fault of the gateway or of the model; nothing is told of it",
    503: "no answer now; nothing is wrong with the request",
}
_ALWAYS = (400, 401, 403, 408, 413, 429, 500, 503)
_BODY = (415, 422)
_RETRY = (429, 503)


class Route(Protocol):
    """As the table has it."""

    @property
    def method(self) -> str:
        """Of HTTP."""

    @property
    def pattern(self) -> str:
        """Its path."""

    @property
    def call(self) -> Call:
        """What answers."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What the document says of one path. `takes`, `gives`: names of schemas."""

    id: str
    summary: str
    gives: str = ""
    takes: str = ""
    status: int = 200
    also: tuple[int, ...] = ()


_SAID: Mapping[str, _Said] = {
    "/predict": _Said("predict", "Predictions for records", "Predicted", "Records"),
    "/feedback": _Said("feedback", "What came true for earlier predictions", "Accepted", "Feedback", 202, (409,)),
    "/v2": _Said("server", "What this server is", "Server"),
    "/v2/": _Said("server_slash", "What this server is", "Server"),
    "/v2/health/live": _Said("live", "Whether requests are taken", "Live"),
    "/v2/health/ready": _Said("ready", "Whether a model answers", "Ready"),
    "/v2/models/{model}": _Said("model", "The model's tensors", "ModelMetadata"),
    "/v2/models/{model}/ready": _Said("model_ready", "Whether this model answers", "ModelReady"),
    "/v2/models/{model}/infer": _Said("infer", "Predictions for tensors", "Inferred", "Inference"),
    "/metrics": _Said("metrics", "What is counted, for Prometheus"),
    "/openapi.json": _Said("openapi", "This document", "OpenApi"),
}


class OpenApi:
    """The call."""

    name: str = "describe"
    action: Action = "describe"
    media: tuple[str, ...] = ()

    def __init__(self, doors: Doors, routes: Sequence[Route]) -> None:
        self._doors = doors
        self._routes = (*routes, _Itself(self))
        self._of: Live | None = None
        self._made: dict[tuple[str, bool], bytes] = {}

    def answer(self, ask: Ask) -> None:
        """The document for this client; made once for a model and a kind of client."""
        live, kind = self._live(ask), ask.client.kind
        if live is not None and live is not self._of:
            self._of, self._made = live, {}
        made = self._made.get((kind, live is None))
        if made is None:
            made = encode(document(self._routes, live, kind, self._doors.caps))
            self._made[kind, live is None] = made
        ask.reply(Reply(200, made))

    def _live(self, ask: Ask) -> Live | None:
        try:
            return self._doors.live(ask, "describe")
        except Declined:
            return None


@dataclass(frozen=True, slots=True)
class _Itself:
    call: Call
    method: str = "GET"
    pattern: str = "/openapi.json"


def document(routes: Sequence[Route], live: Live | None, kind: str, caps: Caps) -> dict[str, Any]:
    """The document for a client of `kind`. Raises KeyError on a route of which nothing is said here."""
    served = None if live is None else live.served
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.pattern, {})[route.method.lower()] = _operation(route, served)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lockgate gateway", "version": version("lockgate")},
        "paths": paths,
        "security": [{"bearer": []}, {"certificate": []}],
        "components": {
            "schemas": _schemas(live, kind, caps),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "an API key, or a token of the issuer"},
                "certificate": {"type": "mutualTLS", "description": "a client certificate that is listed here"},
            },
        },
    }


def _operation(route: Route, served: Served | None) -> dict[str, Any]:
    said = _SAID[route.pattern.replace(_VERSIONED, "")]
    versioned = _VERSIONED in route.pattern
    statuses = {*_ALWAYS, *said.also, *(_BODY if route.call.media else ())} | ({404} if "{" in route.pattern else set())
    found: dict[str, Any] = {
        "operationId": said.id + "_of_version" * versioned,
        "summary": said.summary,
        "description": f"Needs the action `{route.call.action}`.",
        "responses": {
            str(said.status): _answer(said, route.call),
            **{str(status): _refusal(status) for status in sorted(statuses)},
        },
    }
    parameters = _parameters(route, served)
    if parameters:
        found["parameters"] = parameters
    if said.takes:
        found["requestBody"] = {"required": True, "content": {MEDIA_JSON: {"schema": _ref(said.takes)}}}
        if MEDIA_BINARY in route.call.media:
            found["requestBody"]["content"][MEDIA_BINARY] = {}
    return found


def _parameters(route: Route, served: Served | None) -> list[dict[str, Any]]:
    found = []
    names = {"{model}": [served.name], "{version}": [str(served.version)]} if served is not None else {}
    for part in route.pattern.split("/"):
        if part[:1] == "{":
            schema: Schema = {"enum": names[part]} if part in names else dict(_TEXT)
            found.append({"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string", **schema}})
    if MEDIA_BINARY in route.call.media:
        length = {"type": "integer", "minimum": 1}
        about = f"with {MEDIA_BINARY}: the length of the JSON that stands before the binary tensors"
        found.append(
            {"name": "Inference-Header-Content-Length", "in": "header", "schema": length, "description": about}
        )
    return found


def _answer(said: _Said, call: Call) -> dict[str, Any]:
    if not said.gives:
        return {"description": "what is asked for", "content": {TEXT: {"schema": _TEXT}}}
    content: dict[str, Any] = {MEDIA_JSON: {"schema": _ref(said.gives)}}
    if MEDIA_BINARY in call.media:
        content[MEDIA_BINARY] = {}
    found: dict[str, Any] = {"description": "what is asked for", "content": content}
    if call.action == "predict":
        found["headers"] = {
            "Lockgate-Model": {"schema": _TEXT, "required": True, "description": "NAME@VERSION that answered"},
            "Lockgate-Receipt": {"schema": _TEXT, "description": "of a request with one record"},
        }
    return found


def _refusal(status: int) -> dict[str, Any]:
    found: dict[str, Any] = {"description": STATUSES[status], "content": {MEDIA_JSON: {"schema": _ref("Error")}}}
    if status in _RETRY:
        found["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return found


def _schemas(live: Live | None, kind: str, caps: Caps) -> dict[str, Schema]:
    served = None if live is None else live.served
    plan = None if live is None else live.checker.plan
    rule = OutputRule() if live is None else live.policy.output(kind)
    texts, count = listed(_TEXT), {"type": "integer", "minimum": 1}
    tensors = listed(closed({"name": _TEXT, "datatype": _TEXT, "shape": listed({"type": "integer"})}))
    one = closed({"receipt": schemas.RECEIPT, "label": schemas.label(served)})
    card = closed({"name": _TEXT, "version": count, "digest": _TEXT, "environment": _TEXT, "rung": _TEXT})
    return {
        "Error": schemas.ERROR,
        "Record": schemas.record(served, plan),
        "Records": closed({"records": listed(_ref("Record"), caps.max_rows), "id": schemas.ID}, needs=("records",)),
        "Prediction": schemas.prediction(served, rule),
        "Predicted": closed(
            {
                "predictions": listed(_ref("Prediction")),
                "model": card,
                "receipts": texts,
                "proofs": listed(schemas.PROOF),
                "id": schemas.ID,
            },
            needs=("predictions", "model", "receipts"),
        ),
        "Feedback": {"anyOf": [one, closed({"feedback": listed(one, caps.max_rows)})]},
        "Accepted": closed({"accepted": count, "receipts": texts}),
        "Server": closed({"name": _TEXT, "version": _TEXT, "extensions": texts}),
        "Live": closed({"live": _TRUE}),
        "Ready": closed({"ready": _TRUE}),
        "ModelReady": closed({"name": _TEXT, "ready": _TRUE}),
        "ModelMetadata": closed(
            {
                "name": _TEXT,
                "versions": texts,
                "platform": _TEXT,
                "inputs": tensors,
                "outputs": tensors,
                "properties": {"type": "object", "additionalProperties": _TEXT},
            }
        ),
        "Inference": schemas.tensor_request(served, rule, caps.max_rows),
        "Inferred": schemas.tensor_response(),
        "OpenApi": {"type": "object", "required": ["openapi", "info", "paths", "components"]},
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
