"""Settings by which a library loads code: in JSON that came with a model. Names what it finds; runs nothing.

A list of such keys cannot be complete, and is no gate: what they would load has to come along as a file, and no file
of code comes in. It is for those who would otherwise be asked, later and elsewhere, to trust the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from lockgate.register.import_formats import CODE_KEYS
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.template_file import check_template
from lockgate.register.jail.template_tokens import OPEN

_OWN_DIFFUSERS: Final = frozenset(
    {"diffusers", "transformers", "optimum", "peft", "onnxruntime", "stable_diffusion", "latent_diffusion"}
    | {"paint_by_example", "deepfloyd_if", "kandinsky", "kandinsky2_2", "stable_diffusion_safe", "versatile_diffusion"}
    | {"semantic_stable_diffusion", "alt_diffusion", "unidiffuser", "wuerstchen", "shap_e", "audioldm2", "hunyuandit"}
)
_OWN_PARENTS: Final = frozenset({"transformers", "diffusers", "sentence_transformers", "peft", "timm", "torch"})
_KERAS: Final = frozenset({"keras", "keras_core", "keras_cv", "keras_hub", "keras_nlp", "keras_rs", "tf_keras"})
_VOCABULARY: Final = 1000
"""An object with more keys than this that gives a number to each is a vocabulary, whatever its words are; a smaller one
where it counts them.
"""

_KERAS_FILES: Final = ("TFSMLayer", "TorchModuleWrapper", "FlaxLayer", "JaxLayer", "__bytes__")
_KERAS_TOOLS: Final = frozenset({"applications", "config", "datasets", "models", "saving", "src", "utils"})
_KERAS_CODE: Final = frozenset({"Lambda", "__lambda__", "SlicingOpLambda", "TFOpLambda", "function"})


def check_settings(value: Any) -> None:
    """Raises NotAllowed: LG464 for a setting that loads code, LG472 for a template that can do more than a prompt."""
    for key, setting, beside in _settings(value):
        if setting in (None, False, "", [], {}) or _is_number_of_a_word(key, setting, beside):
            continue
        if key in CODE_KEYS or key in _MAKERS or key.startswith("py/"):
            raise _code(key, f"its setting {key} loads code that comes with the model")
        told = _RULES[key](setting, beside) if key in _RULES else ""
        if told:
            raise _code(key, told)
        if "template" in key:
            _templates(key, setting)
    if isinstance(value, dict) and {"cells", "nbformat"} <= value.keys():
        raise _code("cells", "it is a notebook, whose cells are code")
    if isinstance(value, dict) and "_class_name" in value:
        _diffusers(value)
    if isinstance(value, list):
        _sentence_transformers(value)


_MAKERS: Final = frozenset({"_target_", "__reduce__", "__reduce_ex__", "__jsonclass__", "__loader__", "custom_objects"})
"""Keys by which hydra, jsonpickle and the like make an object of somebody's choice."""


def _settings(value: Any) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Every key of every object inside, its value and the object; without recursion, which a deep file exhausts."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield from ((key, inner, one) for key, inner in one.items())
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _is_number_of_a_word(key: str, setting: Any, words: Mapping[str, Any]) -> bool:
    """A number names no code; one that could stand for a yes is a word's in a vocabulary: many, or without a gap."""
    if type(setting) is not int or key != "trust_remote_code":
        return type(setting) is int
    if len(words) > _VOCABULARY:
        return True
    numbers = {number for number in words.values() if type(number) is int}
    return len(words) > len("ab") and len(numbers) == len(words) == max(numbers) - min(numbers) + 1


def _class_name(setting: Any, beside: Mapping[str, Any]) -> str:
    if isinstance(setting, str) and setting in _KERAS_CODE:
        return f"its layer of the class {setting} is Python code, or a function that it names"
    if setting in _KERAS_FILES:
        return f"its layer of the class {setting} loads a file or a pickle that it names"
    module = beside.get("module")
    if isinstance(setting, str) and beside.keys() >= {"config"} and isinstance(beside["config"], dict):
        words = beside["config"].get("vocabulary")
        if isinstance(words, str):
            return "its vocabulary is a file somewhere else"
    if isinstance(module, str) and "config" in beside and not _is_keras(module):
        return f"it has Keras make an object of the module {module[:80]!r}"
    return ""


def _is_keras(module: str) -> bool:
    """Whether the module is one of Keras's layers and the like; its tools fetch files and unpack them."""
    parts = module.split(".")
    return parts[0] in _KERAS and (
        not _KERAS_TOOLS & set(parts) or parts[-1] in ("functional", "sequential") or "layers" in parts
    )


def _loader(setting: Any, _: Mapping[str, Any]) -> str:
    own = isinstance(setting, str) and setting.startswith("mlflow.")
    return "" if own else "its loader_module is a module of somebody's own"


def _parent(setting: Any, _: Mapping[str, Any]) -> str:
    own = isinstance(setting, str) and setting.partition(".")[0] in _OWN_PARENTS
    return "" if own else "its parent_library is a module of somebody's own"


def _attention(setting: Any, _: Mapping[str, Any]) -> str:
    # `owner/kernel`: compiled code, which transformers fetches from the hub. It may be told for each part of the model.
    named = setting.values() if isinstance(setting, dict) else [setting]
    return "its attention is a kernel from a hub" if any("/" in one for one in named if isinstance(one, str)) else ""


def _model_code(_setting: Any, _: Mapping[str, Any]) -> str:
    return "its model_code_path is a module that comes with the model"


_RULES: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], str]]] = {
    "class_name": _class_name,
    "loader_module": _loader,
    "parent_library": _parent,
    "attn_implementation": _attention,
    "_attn_implementation": _attention,
    "model_code_path": _model_code,
}


def _diffusers(index: Mapping[str, Any]) -> None:
    """A pipeline's parts are [library, class]: the library is imported."""
    if not isinstance(index["_class_name"], str):
        raise _code("_class_name", "its pipeline is a class that comes with the model")
    for part, named in index.items():
        match named:
            case [str(library), str(_)] if not part.startswith("_"):
                if library.partition(".")[0] not in _OWN_DIFFUSERS:
                    raise _code(part, f"its part {part[:80]} is of the library {library[:80]!r}")


def _sentence_transformers(modules: list[Any]) -> None:
    """modules.json: a list of {"idx", "name", "path", "type"}; the type is imported."""
    for one in modules:
        kind = one.get("type") if isinstance(one, dict) and "path" in one and "idx" in one else None
        if isinstance(kind, str) and not kind.startswith("sentence_transformers."):
            raise _code("type", f"one of its modules is the class {kind[:80]!r}")


def _templates(key: str, setting: Any) -> None:
    """A template, several by name, or a list of {"name", "template"}."""
    waiting = [setting]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and OPEN.search(one):
            check_template(one, where=key)
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _code(setting: str, message: str) -> NotAllowed:
    return NotAllowed("LG464", message, setting=setting[:200])
