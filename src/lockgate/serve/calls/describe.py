"""What answers without a prediction: health, and who and what is here."""

from __future__ import annotations

from importlib.metadata import version

from lockgate.serve.calls import tensors
from lockgate.serve.calls.ask import Ask, Doors, json_reply
from lockgate.serve.spec import Action

EXTENSIONS = ("binary_tensor_data",)


class _Describing:
    name: str = "describe"
    action: Action = "describe"
    media: tuple[str, ...] = ()


class Server(_Describing):
    """Server metadata of the Open Inference Protocol."""

    def answer(self, ask: Ask) -> None:
        """Always the same."""
        ask.reply(json_reply({"name": "lockgate", "version": version("lockgate"), "extensions": list(EXTENSIONS)}))


class Alive(_Describing):
    """Whether requests are taken."""

    name = "health"

    def answer(self, ask: Ask) -> None:
        """Who reads this is alive."""
        ask.reply(json_reply({"live": True}))


class _About(_Describing):
    def __init__(self, doors: Doors) -> None:
        self._doors = doors


class Ready(_About):
    """Whether a model answers."""

    name = "health"

    def answer(self, ask: Ask) -> None:
        """200 when one does. Raises Declined 503 when none does, with the reason."""
        self._doors.service.live()
        ask.reply(json_reply({"ready": True}))


class ModelReady(_About):
    """Whether this model, and this version where one is named, answers."""

    name = "health"

    def answer(self, ask: Ask) -> None:
        """200 when it does. Raises Declined 403, 404, 503."""
        ask.reply(json_reply({"name": self._doors.live(ask, "describe").served.name, "ready": True}))


class Model(_About):
    """Model metadata: tensors as this client sends and gets them."""

    def answer(self, ask: Ask) -> None:
        """The tensors, by the output policy of the client's kind. Raises Declined 403, 404, 503."""
        live = self._doors.live(ask, "describe")
        ask.reply(json_reply(tensors.metadata(live.served, live.policy.output(ask.client.kind))))
