"""register.mlbom and register.card: from statements, valid to CycloneDX's schema and Hugging Face's reader."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from huggingface_hub import ModelCard

from lockgate.audit.evidence import Evidence
from lockgate.core.licences import canonical
from lockgate.register import mlbom
from lockgate.register.card import card
from lockgate.register.spec import Words
from tests.support.project import signed_project

WORDS = Words("Late or not.", "# Use\nFor planning.\n---\n## Judged on rows\nnever", "Apache-2.0", "CC0-1.0")
METRICS = {"accuracy": {"value": 0.7, "low": 0.69, "high": 0.71}, "note": "none"}
SLICES = [{"field": "carrier", "value": "UA", "rows": 50, "metrics": {"accuracy": {"value": 0.6}}}]
VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


@pytest.fixture(name="heads", scope="module")
def _heads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Evidence]:
    with pytest.MonkeyPatch.context() as patch:
        heads = signed_project(tmp_path_factory.mktemp("bill"), patch).candidate()
    judge = heads["judge"]
    said = {**judge.predicate, "metrics": METRICS, "slices": SLICES, "rows": 900, "task": "binary"}
    return {**heads, "judge": replace(judge, statement=replace(judge.statement, predicate=said))}


def _bill(heads: dict[str, Evidence], words: Words = WORDS) -> dict[str, Any]:
    data = mlbom.document("flights", words, heads)
    assert VALIDATOR.validate_str(data.decode()) is None
    found: dict[str, Any] = json.loads(data)
    return found


def test_the_bill_names_model_data_and_code_by_digest(heads: dict[str, Evidence]) -> None:
    """All of them, licences as declared, and the model rests on all; to the schema a wrong hash is none (control)."""
    bill = _bill(heads)
    model = bill["metadata"]["component"]
    onnx = next(one.digest for one in heads["train"].statement.subjects if one.name == "model.onnx")
    assert (model["type"], model["hashes"][0]["content"]) == ("machine-learning-model", onnx.removeprefix("sha256:"))
    assert model["licenses"] == [{"expression": "Apache-2.0", "acknowledgement": "declared"}]
    parts = {each["bom-ref"]: each for each in bill["components"]}
    assert {"data:accepted.parquet", "file:code/contract.py", "file:requirements.lock"} <= set(parts)
    assert parts["data:accepted.parquet"]["licenses"][0]["expression"] == "CC0-1.0"
    assert bill["dependencies"][0] == {"ref": "lockgate:model", "dependsOn": sorted(parts)}
    statements = {each["name"]: each["value"] for each in model["properties"]}
    assert statements["lockgate:statement:judge"] == heads["judge"].digest
    model["hashes"][0]["content"] = "beef"
    assert VALIDATOR.validate_str(json.dumps(bill)) is not None


def test_what_was_measured_is_in_the_bill_with_intervals_and_slices(heads: dict[str, Evidence]) -> None:
    """As the judge's statement says it; what is no number is no metric."""
    measured = _bill(heads)["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    interval = {"lowerBound": "0.69", "upperBound": "0.71"}
    assert measured == [
        {"type": "accuracy", "value": "0.7", "confidenceInterval": interval},
        {"type": "accuracy", "value": "0.6", "slice": "carrier = UA"},
    ]


def test_the_same_statements_give_the_same_bytes(heads: dict[str, Evidence]) -> None:
    """No time and no serial number; what is known after registration comes on top, and the schema likes it."""
    signed = mlbom.document("flights", WORDS, heads)
    assert signed == mlbom.document("flights", WORDS, dict(reversed(heads.items())))
    train = heads["train"]
    whole = mlbom.released(signed, version=3, manifest=train.digest, time=train.time)
    assert VALIDATOR.validate_str(whole.decode()) is None
    model = json.loads(whole)["metadata"]["component"]
    assert (model["version"], model["properties"][-1]) == ("3", {"name": "lockgate:manifest", "value": train.digest})


def test_an_old_bill_is_given_as_it_was_signed(heads: dict[str, Evidence]) -> None:
    """One of wheels alone."""
    old = b'{"bomFormat":"CycloneDX","components":[],"specVersion":"1.6","version":1}'
    assert mlbom.released(old, version=1, manifest=heads["train"].digest, time=heads["train"].time) == old


@pytest.mark.parametrize("damage", [None, 3, [], {}, {"internalParameters": 7, "externalParameters": "x"}])
def test_statements_out_of_form_give_a_bill_all_the_same(heads: dict[str, Evidence], damage: Any) -> None:
    """It says less; it never fails, for the gate has said already what a statement must say."""
    train = heads["train"]
    predicate = {**train.predicate, "buildDefinition": damage}
    broken = {**heads, "train": replace(train, statement=replace(train.statement, predicate=predicate))}
    assert (
        _bill(broken, Words())["metadata"]["component"]["modelCard"]["modelParameters"]["modelArchitecture"]
        == "unknown"
    )
    assert "flights" in card("flights", Words(), broken)


def test_hugging_face_reads_the_cards_metadata(heads: dict[str, Evidence]) -> None:
    """Licence, task and measured values, as its own library reads them."""
    data: Any = ModelCard(card("flights", WORDS, heads)).data
    assert (data.license, data.pipeline_tag, data.model_name) == ("apache-2.0", "tabular-classification", "flights")
    assert data.eval_results is not None
    (result,) = data.eval_results
    assert (result.metric_type, result.metric_value, result.task_type) == ("accuracy", 0.7, "tabular-classification")
    own = canonical("LicenseRef-ours")
    assert own is not None
    other: Any = ModelCard(card("flights", Words(licence=own), heads)).data
    assert other.license == "other"


def test_a_persons_words_stand_apart_and_quoted(heads: dict[str, Evidence]) -> None:
    """No line of theirs can end the quotation, look like what was measured, or be metadata (without words: none)."""
    text = card("flights", WORDS, heads)
    generated, _, said = text.partition("## In the words of its makers")
    assert "For planning" not in generated
    assert "Late or not." not in generated
    assert all(line.startswith(">") for line in said.splitlines()[4:])
    assert said.splitlines()[4:9] == ["> Late or not.", ">", "> # Use", "> For planning.", "> ---"]
    assert "In the words" not in card("flights", Words(), heads)


def test_the_cards_own_facts_hold_no_mark_up_of_others(heads: dict[str, Evidence]) -> None:
    """A metric's name or a task from a statement cannot close a cell or a quotation."""
    judge = heads["judge"]
    said = {**judge.predicate, "task": "x\n# forged", "metrics": {"a|b\n": {"value": 1.0}}}
    forged = replace(judge, statement=replace(judge.statement, predicate=said))
    text = card("flights", Words(), {**heads, "judge": forged})
    assert "\n# forged" not in text
    assert "| a&#124;b&#92;n | 1 |" in text
