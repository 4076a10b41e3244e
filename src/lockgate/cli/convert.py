"""`lockgate convert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockgate.cli.render import Talk, json_option, many

if TYPE_CHECKING:
    from lockgate.project.converting import Conversion


@click.command("convert", short_help="Turn a pickle, checkpoint or other model file into one that cannot run code.")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--sample",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    default=None,
    metavar="FILE",
    help="Rows as the model takes them (.parquet or .csv), to compare on.",
)
@click.option(
    "--python",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=None,
    metavar="VENV",
    help="The virtual environment whose libraries the file needs, with skl2onnx and onnxruntime.",
)
@click.option("--project", "-C", "directory", default="", metavar="DIR", help="Use this project's locked environment.")
@click.option("--force", is_flag=True, help="Replace OUT and OUT.json.")
@json_option
def command(
    source: Path, out: Path, sample: Path | None, python: Path | None, directory: str, force: bool, as_json: bool
) -> None:
    """Make OUT (.safetensors or .onnx) of the model file IN; of an MLflow model or run, of the file its MLmodel names.

    A torch checkpoint of tensors becomes safetensors: it is read, and nothing in it is executed. A pickle, a joblib
    file, a whole torch module, a Keras, skops, XGBoost or LightGBM file has to be executed: that happens in a jail that
    has no network, no keys, no project and no file but IN; what comes out is ONNX, compared with IN on sample rows.
    Either way another jail looks at the result first. OUT.json records both digests and what was done.
    """
    from lockgate.project.converting import convert, here

    talk = Talk(as_json)
    done = convert(source, out, project=here(directory), python=python, sample=sample, force=force, say=talk.say)
    _tell(talk, done)
    talk.result("convert", {"out": str(done.out), "said": str(done.said), **done.facts})
    talk.next(f"lockgate scan {done.out}", f"cat {done.said}")


def _tell(talk: Talk, done: Conversion) -> None:
    source, result = done.facts["source"], done.facts["result"]
    talk.data(f"{done.out}   {result['format']}, {result['bytes']:,} bytes, {result['digest']}")
    talk.data(f"  from {source['name']} ({source['form']}), {source['digest']}")
    if done.facts["executed"]:
        _tell_model(talk, done.facts["model"])
    else:
        _tell_tensors(talk, done.facts["tensors"])


def _tell_tensors(talk: Talk, facts: dict[str, Any]) -> None:
    talk.data(f"  {facts['equal']:,} of {many(facts['tensors'], 'tensor')} equal byte for byte; nothing was executed")
    if facts["dropped"]["values"]:
        shown = ", ".join(facts["dropped"]["shown"][:6])
        talk.say(f"    left out, for they are no tensors: {many(facts['dropped']['values'], 'value')} ({shown}...)")
    for pair in facts["shared"]["shown"][:6]:
        talk.say(f"    {' and '.join(pair)} were one storage, and are kept each by itself")


def _tell_model(talk: Talk, model: dict[str, Any]) -> None:
    compared = model["compared"]
    talk.data(f"  {model['estimator']}, {model['task']}; it was executed, in the jail; by its own word:")
    talk.data(
        f"  compared on {compared['rows']:,} {compared['sample']} rows ({compared['missing']} with missing values): "
        f"{compared['beyond']} beyond {compared['tolerance']:g}, {compared['explained']} of them explained by 32 bits, "
        f"largest difference {compared['worst']['difference']:.3g} (row {compared['worst']['row']})"
    )
    for line in model["warnings"]:
        talk.say(f"    ! {line}")
