"""What model repositories hold beside weights: settings, vocabularies, templates, cards. Written from memory of public
ones, in the spelling of the libraries that write them (`json.dumps(..., indent=2)`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.benign.case import Benign

CONFIGS: tuple[tuple[str, Any], ...] = (
    (
        "config.json",
        {
            "architectures": ["BertForSequenceClassification"],
            "attention_probs_dropout_prob": 0.1,
            "hidden_act": "gelu",
            "id2label": {"0": "NEGATIVE", "1": "POSITIVE"},
            "layer_norm_eps": 1e-12,
            "model_type": "bert",
            "pad_token_id": 0,
            "transformers_version": "4.55.0",
            "vocab_size": 30522,
        },
    ),
    (
        "config.json",
        {
            "architectures": ["LlamaForCausalLM"],
            "bos_token_id": 128000,
            "eos_token_id": [128001, 128008],
            "model_type": "llama",
            "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "rope_type": "llama3"},
            "torch_dtype": "bfloat16",
            "auto_map": None,
            "trust_remote_code": False,
        },
    ),
    (
        "generation_config.json",
        {"do_sample": True, "eos_token_id": [1, 2], "temperature": 0.6, "_from_model_config": True},
    ),
    ("special_tokens_map.json", {"bos_token": {"content": "<s>", "lstrip": False}, "unk_token": "<unk>"}),
    ("added_tokens.json", {"<|im_start|>": 151644, "<|im_end|>": 151645, "</think>": 151668}),
    (
        "preprocessor_config.json",
        {"image_mean": [0.485, 0.456], "image_processor_type": "ViTImageProcessor", "size": 224},
    ),
    (
        "model.safetensors.index.json",
        {"metadata": {"total_size": 8}, "weight_map": {"a.weight": "model-00001-of-00001.safetensors"}},
    ),
    (
        "adapter_config.json",
        {"auto_mapping": None, "peft_type": "LORA", "r": 8, "target_modules": ["q_proj", "v_proj"]},
    ),
    ("modules.json", [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]),
    ("sentence_bert_config.json", {"max_seq_length": 256, "do_lower_case": False}),
    ("model_index.json", {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}),
    ("tokenizer_config.json", {"do_lower_case": True, "model_max_length": 512, "tokenizer_class": "BertTokenizer"}),
    (
        "tokenizer_config.json",
        {"model_max_length": 1000000000000000019884624838656, "tokenizer_class": "LlamaTokenizer"},
    ),
    (
        "tokenizer.json",
        {
            "version": "1.0",
            "added_tokens": [{"id": 0, "content": "[PAD]", "special": True}],
            "normalizer": {"type": "BertNormalizer", "lowercase": True},
            "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\s+"}},
            "decoder": {"type": "ByteLevel"},
            "model": {
                "type": "BPE",
                "vocab": {
                    one: n
                    for n, one in enumerate(
                        ["\u0120", "\u202a", "\u2066", "\u200f", "lambda", "os.system", "\u009b", "\ufeff"]
                    )
                },
                "merges": [["\u0120", "t"], ["h", "e"]],
            },
        },
    ),
    ("vocab.json", {chr(n): n for n in range(33, 400) if n != 127}),
    ("quantize_config.json", {"bits": 4, "group_size": 128, "damp_percent": 0.01, "desc_act": False}),
    ("trainer_state.json", {"best_metric": None, "log_history": [{"epoch": 0.5, "loss": 1.25, "step": 500}] * 200}),
    ("all_results.json", {"eval_accuracy": 0.91, "eval_loss": 0.25, "perplexity": 1e308}),
    ("label.json", ["negative", "positive"]),
    ("tokenizer.json", {"model": {"type": "BPE", "vocab": {"_target_": 0, "trust_remote_code": 1, "function": 2}}}),
    ("vocab.json", {"auto_map": 5, "class_name": 3, "a": 1}),
    ("deep.json", {"a": {"b": {"c": {"d": {"e": {"f": [[[[[[1]]]]]]}}}}}}),
    ("io.json", {"lambda": 0.1, "module": "text", "class": "A", "function": "mean", "target": "price", "code": 5}),
)

HERE = Path(__file__).parent
TEMPLATES = tuple(path.read_text("utf-8") for path in sorted((HERE / "templates").glob("*.jinja")))

TEXTS: tuple[tuple[str, str], ...] = (
    ("README.md", (HERE / "texts" / "card.md").read_text("utf-8")),
    ("README.md", "# Title\n\nShort.\n"),
    (
        "README.md",
        "---\nlicense: mit\n---\n```python\nt = '{{ x.__class__ }}'\n```\nGitHub: `${{ secrets.X }}`, `{{ lipsum }}`\n",
    ),
    ("README.md", "\ufeff# Title\r\n\r\nWindows.\r\n"),
    ("README.md", "no front matter\n---\nbut a line\n---\nand `{% raw %}`\n"),
    ("LICENSE", "Apache License\nVersion 2.0, January 2004\n\n1. Definitions.\n"),
    ("LICENSE", "MIT License\n\nCopyright (c) 2026\n\nPermission is hereby granted, free of charge, to any person\n"),
    ("NOTICE", "None.\n"),
    (
        ".gitattributes",
        "*.safetensors filter=lfs diff=lfs merge=lfs -text\n*.bin filter=lfs diff=lfs merge=lfs -text\n",
    ),
    (
        "requirements.txt",
        "numpy==2.4.6 \\\n    --hash=sha256:00\npandas>=2 ; python_version >= '3.11'\n# a comment\n-e .\n",
    ),
    ("merges.txt", "#version: 0.2\n\u0120 t\n\u0120 a\nh e\ni n\nr e\no n\n"),
    ("vocab.txt", '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n!\n"\n#\n0\n1\na\nb\n##s\n\u4e2d\n\u202a\n\u200f\n'),
    ("vocab.txt", "cat\nsat\n(\nS\nR\n.\n,\n"),
    ("vocab.txt", "c\na\nb\nR\nt\n(\n)\n.\n"),
    ("vocab.txt", "copy\nsystem\nthe\nof\n.\n"),
    ("vocab.txt", "in\nos\nsystem\n.\n"),
    ("vocab.txt", "I\nN\nV\nS\n.\n"),
    ("words.txt", ".\n,\n;\n"),
    ("words.txt", "Paris\nLondon\n.\n"),
    ("words.txt", "V.\nI1\nL2\n"),
    ("poem.txt", "compute, oh compute\nthe night is long\n(and tired)\nI sleep.\n"),
    ("list.txt", "(a)\n(b)\n(c)\n"),
    ("names.txt", "cos\nsin\ntan\n"),
    ("formulas.txt", "cos\nsin\nt.\nR = 5\n"),
    ("coordinates.csv", "lat,lon\n47.07,15.44\n-0.5,.25\n"),
    ("numbers.tsv", "1\t2\n3\t4\n"),
    ("one.txt", "0"),
    ("empty.txt", ""),
    ("setup.cfg", "[metadata]\nname = mine\n"),
    ("pyproject.toml", '[project]\nname = "mine"\nversion = "1"\n'),
    ("params.ini", "[a]\nb = 1\n"),
    ("README", "A text.\n"),
    ("notes.rst", "Title\n=====\n\n.. code:: python\n\n   import os\n"),
    ("long.txt", "x" * 300_000 + "\n"),
    ("lines.txt", "a line\n" * 50_000),
    ("arabic.md", "\u200f\u0646\u0645\u0648\u0630\u062c\u200f (model)\n"),
    ("accents.txt", "e\u0301 \u00e9 \u1e9e \U0001d518\n\f\nnext page\n"),
)


def all_of_them() -> Iterator[Benign]:
    """Every document."""
    for name, value in CONFIGS:
        yield Benign("settings", name, json.dumps(value, indent=2).encode())
    for name, value in CONFIGS[::3]:
        yield Benign("settings", name, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    for text in TEMPLATES:
        yield Benign("template", "chat_template.jinja", text.encode())
        config = {"chat_template": text, "tokenizer_class": "PreTrainedTokenizerFast"}
        yield Benign("template", "tokenizer_config.json", json.dumps(config, indent=2).encode())
    named = [{"name": "default", "template": TEMPLATES[0]}, {"name": "tool_use", "template": TEMPLATES[-1]}]
    yield Benign("template", "tokenizer_config.json", json.dumps({"chat_template": named}).encode())
    yield Benign("template", "chat_template.json", json.dumps({"chat_template": TEMPLATES[2]}).encode())
    for name, text in TEXTS:
        yield Benign("text", name, text.encode())
