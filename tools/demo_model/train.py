"""The training loop: pre-training at a constant rate, then dialogue at a rate that falls to zero."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
from jax import Array

from demo_model.batches import Rows
from demo_model.model import Parameters, Shape, loss

WARM_UP_STEPS = 50
REPORT_EVERY = 25
SAVE_EVERY = 80


@dataclass(frozen=True)
class Recipe:
    """What decides the course of a training besides the data."""

    peak_rate: float = 0.005
    batch_tokens: int = 3072
    weight_decay: float = 0.1
    seed: int = 0


@dataclass
class State:
    """All that a checkpoint holds: the network, the optimiser's memory and the number of finished steps."""

    parameters: Parameters
    memory: optax.OptState
    step: int = 0


@dataclass(frozen=True)
class Epoch:
    """The packed rows of one pass and its name for the log."""

    name: str
    rows: Rows


def optimiser(recipe: Recipe, constant_steps: int, all_steps: int) -> optax.GradientTransformation:
    """Returns AdamW; the rate is constant for `constant_steps` and then falls linearly to a fiftieth."""
    schedule = optax.join_schedules(
        [
            optax.linear_schedule(0.0, recipe.peak_rate, WARM_UP_STEPS),
            optax.constant_schedule(recipe.peak_rate),
            optax.linear_schedule(recipe.peak_rate, recipe.peak_rate / 50, max(1, all_steps - constant_steps)),
        ],
        [WARM_UP_STEPS, constant_steps],
    )
    muon = optax.contrib.muon(
        schedule,
        consistent_rms=0.2,
        weight_decay=recipe.weight_decay,
        adam_b2=0.98,
        muon_weight_dimension_numbers=_orthogonalised,
    )
    return optax.chain(optax.clip_by_global_norm(1.0), muon)


def _orthogonalised(parameters: Parameters) -> dict[str, optax.contrib.MuonDimensionNumbers | None]:
    """Names Muon's share: the matrices of the blocks; embeddings and norms are left to Adam."""
    is_matrix = {name: name.startswith("blk.") and "norm" not in name for name in parameters}
    return {name: optax.contrib.MuonDimensionNumbers() if matrix else None for name, matrix in is_matrix.items()}


def batches(epoch: Epoch, number: int, recipe: Recipe) -> list[Rows]:
    """Returns the epoch's rows, shuffled, in batches of equal size; the last one is filled with empty rows."""
    tokens, segments, weights = epoch.rows
    size = max(1, recipe.batch_tokens // tokens.shape[1])
    order = np.random.default_rng([recipe.seed, 3, number]).permutation(len(tokens))
    missing = -len(tokens) % size
    filled = [np.pad(values[order], ((0, missing), (0, 0))) for values in (tokens, segments, weights)]
    parts = [np.split(values, len(order) // size + (missing > 0)) for values in filled]
    return list(zip(*parts, strict=True))


def count_steps(epochs: list[Epoch], recipe: Recipe) -> int:
    """Returns the number of steps that the epochs take."""
    return sum(len(batches(epoch, 0, recipe)) for epoch in epochs)


Update = Callable[[Parameters, optax.OptState, Rows], tuple[Parameters, optax.OptState, Array]]


def update_function(shape: Shape, transformation: optax.GradientTransformation) -> Update:
    """Returns the compiled step: parameters and memory in, both and the loss out."""

    def mean_loss(parameters: Parameters, rows: Rows) -> Array:
        tokens, segments, weights = map(jnp.asarray, rows)
        total, weight = loss(parameters, tokens, segments, weights, shape)
        return total / jnp.maximum(weight, 1.0)

    @partial(jax.jit, donate_argnums=(0, 1))
    def update(parameters: Parameters, memory: optax.OptState, rows: Rows) -> tuple[Parameters, optax.OptState, Array]:
        value, gradients = jax.value_and_grad(mean_loss)(parameters, rows)
        changes, memory = transformation.update(gradients, memory, parameters)
        return optax.apply_updates(parameters, changes), memory, value

    return update


_loss = jax.jit(loss, static_argnames=("shape",))


def validation_loss(parameters: Parameters, rows: Rows, shape: Shape) -> float:
    """Returns the mean loss per answer token over the rows."""
    starts = range(0, len(rows[0]), 8)
    sums = [_loss(parameters, *(values[start : start + 8] for values in rows), shape=shape) for start in starts]
    return float(sum(total for total, _ in sums) / sum(weight for _, weight in sums))


def save_checkpoint(state: State, path: Path) -> None:
    """Writes a checkpoint; an interrupted write leaves the former one whole."""
    leaves = jax.tree.leaves((state.parameters, state.memory))
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, np.int64(state.step), *map(np.asarray, leaves))
    unfinished.replace(path)


def load_checkpoint(state: State, path: Path) -> State:
    """Returns the state saved at `path`; `state` gives the structure."""
    with np.load(path) as saved:
        step, *leaves = (jnp.asarray(saved[name]) for name in saved.files)
        structure = jax.tree.structure((state.parameters, state.memory))
        parameters, memory = jax.tree.unflatten(structure, leaves)
        return State(parameters, memory, int(step))


def _steps(epochs: list[Epoch], recipe: Recipe) -> Iterator[tuple[str, Rows]]:
    for number, epoch in enumerate(epochs):
        yield from ((epoch.name, rows) for rows in batches(epoch, number, recipe))


@dataclass
class Progress:
    """Prints loss, speed and the time that is left."""

    all_steps: int
    first_step: int
    started: float
    losses: list[float]
    tokens: int = 0

    def report(self, name: str, step: int) -> None:
        """Prints one line on the steps since the last one."""
        seconds = time.monotonic() - self.started
        left = seconds / max(1, step - self.first_step) * (self.all_steps - step)
        mean = sum(self.losses) / max(1, len(self.losses))
        print(
            f"{name:<14} step {step}/{self.all_steps}  loss {mean:.3f}  "
            f"{self.tokens / seconds:,.0f} tokens/s  {seconds / 60:.1f} min, {left / 60:.1f} min left",
            flush=True,
        )
        self.losses.clear()


@dataclass(frozen=True)
class Course:
    """Where a training saves itself and how it is judged between epochs."""

    recipe: Recipe
    checkpoint: Path
    validate: Callable[[Parameters], float]


def train(state: State, epochs: list[Epoch], update: Update, course: Course) -> State:
    """Runs all steps after `state.step` and saves checkpoints; Ctrl-C ends it early with what is learnt so far."""
    progress = Progress(count_steps(epochs, course.recipe), state.step, time.monotonic(), [])
    try:
        for step, (name, rows) in enumerate(_steps(epochs, course.recipe), start=1):
            if step <= state.step:
                continue
            state.parameters, state.memory, value = update(state.parameters, state.memory, rows)
            state.step = step
            progress.losses.append(float(value))
            progress.tokens += int((rows[1] > 0).sum())
            if step % REPORT_EVERY == 0:
                progress.report(name, step)
            if step % SAVE_EVERY == 0:
                save_checkpoint(state, course.checkpoint)
                print(f"{name:<14} validation loss {course.validate(state.parameters):.3f}", flush=True)
    except KeyboardInterrupt:
        print(f"Interrupted after {state.step} steps: going on with what is learnt so far.", flush=True)
    save_checkpoint(state, course.checkpoint)
    return state
