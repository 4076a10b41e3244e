"""JSON and YAML by which a library loads code, and JSON that is none or that two readers read differently."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.support.hostile.case import Hostile

_AUTO = {"AutoModel": "modeling.Mine"}
_LAMBDA = {"class_name": "Lambda", "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}}}

_KEYS: tuple[tuple[str, Any, str], ...] = (
    ("auto_map", {"auto_map": _AUTO}, "transformers imports the module that comes with the model"),
    ("auto_map, remote", {"auto_map": {"AutoConfig": "someone/else--modeling.Mine"}}, "from another repository"),
    ("auto_map, deeper", {"text_config": {"vision": {"auto_map": _AUTO}}}, "in a configuration within"),
    ("auto_map, in a list", {"configs": [{"a": 1}, {"auto_map": _AUTO}]}, "in a list"),
    ("auto_map of a text", {"auto_map": "modeling.Mine"}, "a text in place of an object"),
    ("auto_map of a list", {"auto_map": ["modeling.Mine", None]}, "tokenizers give a pair"),
    ("trust_remote_code", {"trust_remote_code": True}, "switches the question off"),
    ("trust_remote_code, 1", {"trust_remote_code": 1}, "another truth"),
    ("trust_remote_code, text", {"trust_remote_code": "true"}, "another truth"),
    ("trust_remote_code, deeper", {"model": {"kwargs": {"trust_remote_code": True}}}, "among the arguments"),
    ("custom_pipelines", {"custom_pipelines": {"p": {"impl": "pipe.Mine"}}}, "transformers loads pipe.py"),
    ("custom_pipeline", {"custom_pipeline": "pipe.py"}, "diffusers loads it"),
    ("hydra target", {"_target_": "os.system", "_args_": ["true"]}, "hydra calls what it names"),
    ("hydra target, deeper", {"model": {"loss": {"_target_": "builtins.eval", "expression": "1 + 1"}}}, "deeper"),
    ("jsonpickle", {"py/object": "subprocess.Popen", "args": "true"}, "jsonpickle makes the object"),
    ("jsonpickle reduce", {"py/reduce": [{"py/function": "os.system"}, {"py/tuple": ["true"]}]}, "jsonpickle calls it"),
    ("jsonpickle type", {"x": {"py/type": "os.system"}}, "jsonpickle imports it"),
    ("jsonpickle repr", {"py/repr": "os/os.getcwd()"}, "jsonpickle evaluates it"),
    ("Keras Lambda", {"class_name": "Sequential", "config": {"layers": [_LAMBDA]}}, "marshalled code"),
    (
        "Keras Lambda, old",
        {"class_name": "Lambda", "config": {"function": ["4wEAAAA=\n", None, None]}},
        "marshalled code",
    ),
    ("Keras Lambda type", {"class_name": "Lambda", "config": {"function_type": "lambda", "function": "x"}}, "code"),
    (
        "Keras module",
        {"module": "mine.layers", "class_name": "Mine", "config": {}, "registered_name": "M"},
        "imports it",
    ),
    ("Keras module of the system", {"module": "os", "class_name": "system", "config": "true"}, "imports it"),
    ("Keras function", {"class_name": "function", "config": "system", "module": "os"}, "CVE-2025-1550"),
    (
        "Keras get_file",
        {"module": "keras.utils", "class_name": "get_file", "config": {}, "registered_name": "x"},
        "fetches",
    ),
    (
        "Keras __lambda__",
        {"layers": [{"activation": {"class_name": "__lambda__", "config": {"code": "4wE="}}}]},
        "code",
    ),
    ("TFOpLambda", {"class_name": "TFOpLambda", "config": {"function": "io.read_file"}}, "calls by name"),
    ("skops schema", {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}, "skops imports it"),
    ("vllm plugin", {"quantization_config": {"quant_method": "x", "auto_map": _AUTO}}, "in a configuration within"),
    (
        "Keras TorchModuleWrapper",
        {
            "module": "keras.layers",
            "class_name": "TorchModuleWrapper",
            "config": {"module": {"class_name": "__bytes__"}},
        },
        "a pickle in base64",
    ),
    ("Keras TFSMLayer", {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/x"}}, "a graph"),
    (
        "Keras switch",
        {"module": "keras.config", "class_name": "enable_unsafe_deserialization", "config": {}},
        "switches the question off",
    ),
    ("Keras load_model", {"module": "keras.models", "class_name": "load_model", "config": {"filepath": "x"}}, "a file"),
    (
        "Keras vocabulary",
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/x"}},
        "path",
    ),
    ("kernel of a hub", {"model_type": "llama", "attn_implementation": "someone/kernel"}, "compiled code"),
    ("kernel of a hub, by part", {"_attn_implementation": {"text_config": "someone/kernel"}}, "compiled code"),
    ("trust beside numbers", {"trust_remote_code": 1, "a": 1, "b": 2}, "another truth, among numbers"),
    ("mlflow loader", {"flavors": {"python_function": {"loader_module": "mine"}}}, "MLflow imports it"),
)


def _spellings() -> Iterator[tuple[str, bytes]]:
    """One setting that JSON can spell in many ways."""
    value = b'{"AutoModel":"m.M"}'
    yield "escaped", b'{"\\u0061uto_map":' + value + b"}"
    yield "all escaped", b'{"' + b"".join(b"\\u%04x" % one for one in b"auto_map") + b'":' + value + b"}"
    yield "upper hex", b'{"auto\\u005Fmap":' + value + b"}"
    yield "twice, the first is none", b'{"auto_map":null,"auto_map":' + value + b"}"
    yield "twice, the last is none", b'{"auto_map":' + value + b',"auto_map":null}'
    yield "twice, escaped", b'{"auto_map":null,"auto_ma\\u0070":' + value + b"}"
    yield "BOM", b'\xef\xbb\xbf{"auto_map":' + value + b"}"
    yield "UTF-16", ('{"auto_map":' + value.decode() + "}").encode("utf-16")
    yield "UTF-16 without a mark", ('{"auto_map":' + value.decode() + "}").encode("utf-16-le")
    yield "UTF-32", ('{"auto_map":' + value.decode() + "}").encode("utf-32")
    yield "comment", b'{/* */"auto_map":' + value + b"}"
    yield "second value", b'{}\n{"auto_map":' + value + b"}"
    yield "deep", b'{"a":' * 100 + b'{"auto_map":' + value + b"}" + b"}" * 100
    yield "very deep", b'{"a":' * 50_000 + b'{"auto_map":' + value + b"}" + b"}" * 50_000
    yield "after a megabyte", b'{"x":"' + b"a" * 1_000_000 + b'","auto_map":' + value + b"}"


def _no_json() -> Iterator[tuple[str, bytes]]:
    yield "nothing", b""
    yield "spaces", b" \n\t"
    yield "deep lists", b"[" * 100_000 + b"]" * 100_000
    yield "open lists", b"[" * 100_000
    yield "deep objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    yield "same key twice", b'{"a":1,"a":2}'
    yield "same key twice, escaped", b'{"a":1,"\\u0061":2}'
    yield "same key twice, deeper", b'{"x":[{"a":1,"a":2}]}'
    yield "NaN", b'{"a":NaN}'
    yield "Infinity", b'{"a":-Infinity}'
    yield "huge integer", b'{"a":' + b"9" * 5_000 + b"}"
    yield "million digits", b'{"a":' + b"9" * 1_000_000 + b"}"
    yield "huge exponent", b'{"a":1e99999}'
    yield "hexadecimal", b'{"a":0x10}'
    yield "leading zero", b'{"a":01}'
    yield "plus", b'{"a":+1}'
    yield "point first", b'{"a":.5}'
    yield "single quotes", b"{'a':1}"
    yield "no quotes", b"{a:1}"
    yield "trailing comma", b'{"a":1,}'
    yield "comment", b'{"a":1} // x'
    yield "Python", b"{'a': True, 'b': None}"
    yield "undefined", b'{"a":undefined}'
    yield "control in text", b'{"a":"\x01"}'
    yield "newline in text", b'{"a":"\n"}'
    yield "bad escape", b'{"a":"\\x41"}'
    yield "lone surrogate", b'{"a":"\\ud800"}'
    yield "NUL", b'{"a":1}\0'
    yield "trailing text", b'{"a":1} cos\nsystem\n'
    yield "cut", b'{"a":'
    yield "not UTF-8", b'{"a":"\xff"}'
    yield "overlong UTF-8", b'{"a":"\xc0\xaf"}'
    yield "surrogates in UTF-8", b'{"a":"\xed\xa0\x80"}'
    yield "form feed", b'\x0c{"a":1}'
    yield "other spaces", '\u00a0{"a":1}'.encode()
    yield "JSONP", b'callback({"a":1})'


def _yaml() -> Iterator[tuple[str, str]]:
    yield "python object", "a: !!python/object/apply:os.system ['true']\n"
    yield "python name", "a: !!python/name:os.system\n"
    yield "python module", "a: !!python/module:os\n"
    yield "python new", "a: !!python/object/new:subprocess.Popen [['true']]\n"
    yield "python tuple", "- !!python/tuple [1, 2]\n"
    yield "full tag", "a: !<tag:yaml.org,2002:python/object/apply:os.system> ['true']\n"
    yield "handle", "%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system ['true']\n"
    yield "named handle", "%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!object/apply:os.system ['true']\n"
    yield "escaped tag", "a: !!python%2Fobject%2Fapply:os.system ['true']\n"
    yield "flow", "{a: !!python/object/apply:os.system [true]}\n"
    yield "key", "? !!python/object/apply:os.system ['true']\n: 1\n"
    yield "second document", "a: 1\n---\n!!python/object/apply:os.system ['true']\n"
    yield "own tag", "a: !Mine {x: 1}\n"
    yield "anchored", "a: &x !!python/object/apply:os.system ['true']\nb: *x\n"
    yield "tag on its own line", "a:\n  !!python/object/apply:os.system\n  - 'true'\n"
    yield "ruby", "--- !ruby/object:Gem::Installer\ni: x\n"
    yield "java", "!!javax.script.ScriptEngineManager [!!java.net.URLClassLoader [[]]]\n"
    yield (
        "laughs",
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(12)),
    )
    yield "merge of itself", "a: &a\n  <<: *a\n  b: 1\n"
    yield "deep flow", "a: " + "[" * 20_000 + "]" * 20_000 + "\n"
    yield "hydra", "model:\n  _target_: os.system\n  _args_: ['true']\n"
    yield "hydra, quoted", 'model: {"_target_": "os.system"}\n'
    yield "hydra, escaped", 'model: {"\\x5ftarget_": "os.system"}\n'
    yield "trust", "trust_remote_code: true\n"
    yield "trust, yes", "trust_remote_code: yes\n"
    yield "auto_map", "auto_map:\n  AutoModel: mine.Model\n"
    yield "auto_map, escaped", '"auto\\u005Fmap": {AutoModel: mine.Model}\n'
    yield "auto_map, folded", '"auto\\\n  _map": {AutoModel: mine.Model}\n'
    yield "NUL", "a: 1\0\n"
    yield "pipeline", "custom_pipeline: pipe.py\n"


_LOADERS = (
    "flavors:\n  python_function:\n    loader_module: mine\n",
    'flavors:\n  python_function:\n    "loader\\u005Fmodule": mine\n',
    "flavors: {python_function: {loader_module: mine}}\n",
    "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    loader_module: mine\n",
    "flavors:\n  python_function:\n    loader_module: os\n",
    "flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    model_code_path: ../../mine.py\n",
    "flavors:\n  sklearn:\n    pickled_model: model\n    serialization_format: pickle\n",
)


def all_of_them() -> Iterator[Hostile]:
    """Every setting."""
    for number, (what, given, why) in enumerate(_KEYS):
        name = ("config.json", "tokenizer_config.json", "model_index.json", "x/config.json")[number % 4]
        yield Hostile("setting that loads code", name, json.dumps(given).encode(), f"{what}: {why}")
    for what, data in _spellings():
        yield Hostile("setting that loads code", "config.json", data, f"auto_map, {what}")
    for number, (what, data) in enumerate(_no_json()):
        yield Hostile("no strict JSON", ("config.json", "tokenizer.json")[number % 2], data, f"{what}: readers differ")
    for number, (what, text) in enumerate(_yaml()):
        yield Hostile(
            "YAML", ("conda.yaml", "config.yml", "MLmodel")[number % 3], text.encode(), f"{what}: makes or loads"
        )
    for text in _LOADERS:
        yield Hostile("YAML", "MLmodel", text.encode(), "MLflow imports the module or the pickle that it names")
    front = b"---\nlicense: mit\nmodel: !!python/object/apply:os.system ['true']\n---\n# A model\n"
    yield Hostile("YAML", "README.md", front, "front matter that makes an object")
