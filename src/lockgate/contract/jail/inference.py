"""The inference contract: the user's model with the label redeclared as `None` by default.

A label that is sent with a request is judged as the contract's `extra` says: the field hides behind an alias that
nobody can send, so that Pydantic itself sees the label's name as an unknown key and words the answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any

from pydantic import AliasChoices, BaseModel, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from lockgate.contract.declare import is_label_only
from lockgate.errors import Usage

_OPAQUE = frozenset({"model_dump", "model_dump_json", "__dict__", "__iter__", "model_copy", "vars"})
"""Ways to read all fields at once without naming one."""

_OWN = "__lockgate_own__"


def inference_model(model: type[BaseModel], label: str, file: str) -> type[BaseModel]:
    """The subclass of `model` for requests. Raises Usage LG211 when undeclared code reads the label.

    1. What reads the label must be declared label-only.   2. Declared validators are replaced by ones that do
    nothing; computed fields stay, but nobody asks for them (`contract.jail.columns`).   3. The label is redeclared.
    """
    readers = label_readers(model, label)
    if readers:
        raise Usage(
            "LG211",
            f"{model.__name__}.{readers[0]} reads the label {label!r}, which a request does not have",
            seen={"readers": readers, "label": label},
            next=f"put @lockgate.label_only above it in {file}; it is then left out at inference",
        )
    namespace: dict[str, Any] = {name: _idle(mode) for name, mode in _label_only_validators(model)}
    if _by_name(model):
        namespace["lockgate_label_is_extra"] = _label_as_extra(model, label)
    annotation: Any = model.model_fields[label].annotation
    hidden: Any = Field(default=None, validate_default=False, validation_alias=f"label-{secrets.token_hex(16)}")
    redeclared: dict[str, Any] = {label: (annotation | None, hidden)}
    return create_model(
        model.__name__, __base__=model, __module__=model.__module__, __validators__=namespace, **redeclared
    )


def label_readers(model: type[BaseModel], label: str) -> list[str]:
    """Names of validators and computed fields that may read the label and are not declared label-only.

    Judged by their code: a name or text constant equal to the label or its alias, or a way to read every field at
    once; functions of the same class or module that they name are followed.
    """
    words = {label, *_aliases(model, label)}
    suspects = {**_model_validators(model), **_computed(model), **_other_field_validators(model, label)}
    for name in ("model_post_init", "__init__"):
        own = next((vars(base)[name] for base in model.__mro__[:-1] if name in vars(base)), None)
        if own is not None and getattr(own, "__module__", "").split(".")[0] != "pydantic":
            suspects[name] = own
    return [name for name, code in suspects.items() if not is_label_only(code) and _mentions(code, words, model, set())]


def _mentions(target: Any, words: set[str], model: type[BaseModel], seen: set[Any]) -> bool:
    function = _plain_function(target)
    if function is None or function.__code__ in seen:
        return False
    seen.add(function.__code__)
    names, constants = _vocabulary(function.__code__)
    if words & (names | constants) or _OPAQUE & names:
        return True
    helpers = [getattr(model, name, None) or function.__globals__.get(name) for name in names]
    own = [h for h in helpers if getattr(h, "__module__", None) == model.__module__]
    return any(_mentions(helper, words, model, seen) for helper in own)


def _vocabulary(code: CodeType) -> tuple[set[str], set[str]]:
    names = set(code.co_names) | set(code.co_varnames)
    constants: set[str] = set()
    for value in code.co_consts:
        if isinstance(value, CodeType):
            inner = _vocabulary(value)
            names |= inner[0]
            constants |= inner[1]
        else:
            constants |= set(_texts(value))
    return names, constants


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | frozenset):
        for entry in value:
            yield from _texts(entry)


def _plain_function(target: Any) -> FunctionType | None:
    for inner in ("wrapped", "__func__", "fget", "func", "__wrapped__"):
        found = getattr(target, inner, None)
        if found is not None and found is not target:
            return _plain_function(found)
    return target if isinstance(target, FunctionType) else None


def _model_validators(model: type[BaseModel]) -> Mapping[str, Any]:
    return {name: entry.func for name, entry in model.__pydantic_decorators__.model_validators.items()}


def _computed(model: type[BaseModel]) -> Mapping[str, Any]:
    return {name: entry.wrapped_property for name, entry in model.model_computed_fields.items()}


def _other_field_validators(model: type[BaseModel], label: str) -> Mapping[str, Any]:
    """Validators of other fields can read the label in `info.data`."""
    declared = model.__pydantic_decorators__
    found: dict[str, Any] = {}
    named = [(name, e.info.fields, e.func) for name, e in declared.field_validators.items()]
    named += [(name, e.info.fields, e.func) for name, e in declared.validators.items()]
    found.update({name: func for name, fields, func in named if set(fields) != {label}})
    for name, field in model.model_fields.items():
        if name != label:
            for number, extra in enumerate(field.metadata):
                if callable(getattr(extra, "func", None)):
                    found[f"{name} (validator {number + 1})"] = extra.func
    return found


def _label_only_validators(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for name, entry in model.__pydantic_decorators__.model_validators.items():
        if is_label_only(entry.func):
            yield name, entry.info.mode


def _idle(mode: str) -> Any:
    if mode == "after":
        return model_validator(mode="after")(_own(lambda self: self))
    if mode == "wrap":
        return model_validator(mode="wrap")(_own(lambda cls, data, handler: handler(data)))  # noqa: ARG005
    return model_validator(mode="before")(_own(lambda cls, data: data))  # noqa: ARG005


def is_own(function: object) -> bool:
    """Whether a model validator is one that `inference_model` put there."""
    return getattr(function, _OWN, False) is True


def _own(function: Callable[..., Any]) -> Callable[..., Any]:
    setattr(function, _OWN, True)
    return function


def _by_name(model: type[BaseModel]) -> bool:
    return bool(model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name"))


def _label_as_extra(model: type[BaseModel], label: str) -> Any:
    """Where fields can be given by name, no alias hides the label: take the key away before Pydantic looks."""
    forbidden = model.model_config.get("extra") == "forbid"

    def take_away(cls: type[BaseModel], data: Any) -> Any:
        del cls
        if not isinstance(data, dict) or label not in data:
            return data
        if forbidden:
            raise PydanticCustomError("extra_forbidden", "Extra inputs are not permitted")
        return {key: value for key, value in data.items() if key != label}

    return model_validator(mode="before")(_own(take_away))


def _aliases(model: type[BaseModel], label: str) -> Iterator[str]:
    field = model.model_fields[label]
    for alias in (field.alias, field.validation_alias):
        if isinstance(alias, str):
            yield alias
        elif isinstance(alias, AliasChoices):
            yield from (choice for choice in alias.choices if isinstance(choice, str))
