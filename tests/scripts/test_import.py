"""By the real command line and the real jail: models from elsewhere come in, are listed, proved, and never deployed."""

from __future__ import annotations

import pickle
from pathlib import Path

from tests.scripts.conftest import Done, Ready
from tests.support.imports import huggingface, mlflow_model, write


def test_models_from_elsewhere(ready: Ready, tmp_path: Path) -> None:
    """Refused without a word, in by their digests, told with what is not proved, revoked; a pickle stays out."""
    copy = ready.copy(tmp_path / "machine")
    bert, other = huggingface(tmp_path / "bert"), mlflow_model(tmp_path / "model")

    def here(*arguments: str | Path) -> Done:
        return copy.shell.here(*arguments, "--json", "-C", copy.root)

    # A Hugging Face folder: needs a person's word, given as the digest.
    unasked = here("import", bert, "--name", "bert")
    assert (unasked.code, unasked.json["finding"]) == (1, "LG461")
    digest = unasked.json["seen"]["digest"]
    done = here("import", bert, "--name", "bert", "--digest", digest)
    assert (done.code, done.json["kind"], done.json["manifest"]) == (0, "huggingface", digest)
    assert here("import", bert, "--name", "bert").json["cached"] is True
    # An MLflow model, whose ONNX file is read in the locked environment; its name is not to be the project's.
    taken = here("import", other, "--name", "phishing")
    assert (taken.code, taken.json["finding"]) == (1, "LG460")
    wanted = here("import", other, "--name", "flavour").json["seen"]["digest"]
    assert here("import", other, "--name", "flavour", "--digest", wanted).json["kind"] == "mlflow model"
    # A pickle under a good name.
    bad = write(tmp_path / "bad", {"model.safetensors": pickle.dumps([1])})
    evil = here("import", bad, "--name", "bad").json["seen"]["digest"]
    refused = here("import", bad, "--name", "bad", "--digest", evil)
    assert (refused.code, refused.json["finding"]) == (1, "LG410")
    # Listed, and proved as far as it can be.
    listed = here("models").json
    assert [one["ref"] for one in listed["imports"]] == ["bert@1", "flavour@1"]
    assert [one["ref"] for one in listed["models"]] == ["phishing@1"]
    proved = here("verify", "bert@1").json
    assert (proved["verified"], proved["chain"][1]["stage"]) == (True, "import")
    assert "anything about its training" in proved["not_proved"][0]
    whole = here("verify", "--all")
    assert [one["ref"] for one in whole.json["models"]] == ["phishing@1", "bert@1", "flavour@1"]
    # Never live.
    for ref in ("bert", "bert@1", "bert:live"):
        no = here("deploy", ref)
        assert (no.code, no.json["finding"]) == (2, "LG468")
        assert 'source = "import:bert@1/model.safetensors"' in no.json["next"]
    assert here("revoke", "bert@1", "--reason", "a backdoor").code == 0
    gone = here("verify", "bert@1")
    assert (gone.code, gone.json["finding"]) == (1, "LG466")
    assert here("verify", "--all").code == 0
