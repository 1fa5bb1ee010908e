"""`soban models`, and the model that verbs use when none is named."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

import grpc

import soban.v1 as pb
from soban.cli.client import GENERATION, failed, open_channel
from soban.cli.console import Console
from soban.cli.failure import EXIT_OK, Failure, problem_of
from soban.cli.lines import json_line
from soban.cli.options import Subparsers, add_connection, add_json, add_verb
from soban.cli.width import printable, table

MODEL_VARIABLE = "SOBAN_MODEL"
MODEL_HELP = f"model to ask (default ${MODEL_VARIABLE}, else the first one that the generation server lists)"

_EXAMPLES = ("soban models", "soban models --json | jq -r '.models[].name'")
_STATES = {"READY": "green", "LOADING": "yellow", "SLEEPING": "dim", "UNAVAILABLE": "red"}


def add_to(verbs: Subparsers) -> None:
    """Adds the verb."""
    parser = add_verb(verbs, "models", run, summary="list the models that clients may name", examples=_EXAMPLES)
    add_connection(parser, GENERATION, timeout=10.0)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Lists them."""
    answer = list_models(GENERATION.address(args.address, console.env), args.timeout)
    if args.json:
        console.write(json_line(1, answer))
        return EXIT_OK
    for line in model_lines(answer.models, console):
        console.write(line)
    return EXIT_OK


def list_models(address: str, timeout: float) -> pb.ListModelsResponse:
    """What the generation server lists. Raises Failure."""
    with open_channel(address) as channel:
        try:
            return pb.GenerationServiceStub(channel).ListModels(pb.ListModelsRequest(), timeout=timeout)
        except grpc.RpcError as err:
            raise failed(problem_of(err), GENERATION, address, "cannot list models") from err


def chosen_model(given: str | None, env: Mapping[str, str], timeout: float) -> str:
    """`given`, else the environment's, else the first ready model that is listed. Raises Failure."""
    named = given or env.get(MODEL_VARIABLE)
    if named:
        return named
    address = GENERATION.address(None, env)
    try:
        models = list_models(address, min(timeout, 10.0)).models
    except Failure as failure:
        failure.mend = f"{failure.mend}, or name a model with --model".removeprefix(", ")
        raise
    ready = [model.name for model in models if model.state == pb.Model.STATE_READY]
    names = ready or [model.name for model in models]
    if not names:
        raise Failure("no model", "MODEL_NOT_FOUND", "no model is configured", "add one under models in soban.yaml")
    return names[0]


def model_lines(models: Iterable[pb.Model], console: Console) -> list[str]:
    """A table of them."""
    rows = [("NAME", "STATE", "ENGINE", "CONTEXT", "CAN")]
    for model in models:
        can = ", ".join(pb.Model.Capability.Name(can).removeprefix("CAPABILITY_").lower() for can in model.capabilities)
        rows.append(
            (printable(model.name), state_of(model), printable(_engine(model)), str(model.context_length or "?"), can)
        )
    head, *lines = table(rows, right=(3,))
    return [
        console.paint(head, "dim"),
        *(_coloured(line, row[1], console) for line, row in zip(lines, rows[1:], strict=True)),
    ]


def state_of(model: pb.Model) -> str:
    """`READY`, or what it is instead."""
    return pb.Model.State.Name(model.state).removeprefix("STATE_")


def _engine(model: pb.Model) -> str:
    """What answers under the name: an engine, one with an adapter, or the models of a route."""
    if model.route_strategy:
        return f"{model.route_strategy} of {', '.join(model.route_models)}"
    return f"{model.engine} with {model.adapter}" if model.adapter else model.engine


def _coloured(line: str, state: str, console: Console) -> str:
    return line.replace(state, console.paint(state, _STATES.get(state, "dim")), 1)
