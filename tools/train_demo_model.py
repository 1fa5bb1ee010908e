"""Trains the bundled demo model: a small Korean chat model in GGUF, on a CPU, in well under an hour.

Needs the extra `train`. A run writes tokenizer.json, tokenizer_config.json, soban-demo.gguf and checkpoint.npz into the
folder --out. Ctrl-C ends the training early and exports what is learnt so far; --resume goes on from the checkpoint.
The data and the result are described in the model card beside the model.
"""

import argparse
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from tokenizers import Tokenizer

from demo_model import verify
from demo_model.batches import Sampler
from demo_model.corpus import Pair, read_pairs, read_seed_pairs, read_texts, without_questions_of
from demo_model.export import MODEL_NAME, export_gguf, rounded
from demo_model.model import Parameters, Shape, initial_parameters
from demo_model.tokenizer import save_tokenizer, train_tokenizer
from demo_model.train import (
    Course,
    Epoch,
    Recipe,
    State,
    count_steps,
    load_checkpoint,
    optimiser,
    train,
    update_function,
    validation_loss,
)

HELD_OUT_EVERY = 40  # each 40th dialogue pair is kept for validation


@dataclass(frozen=True)
class Corpus:
    """The training text, and the pairs held out from it."""

    texts: list[str]
    pairs: list[Pair]
    seed_pairs: list[Pair]
    held_out: list[Pair]


def arguments() -> argparse.Namespace:
    """Reads the command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form, allow_abbrev=False)
    folders = partial(parser.add_argument, action="append", type=Path, default=[], metavar="FOLDER")
    folders("--pretrain", help="folder of *.jsonl with rows {text}; repeatable")
    folders("--dialogue", required=True, help="folder of *.jsonl with rows {text, answer}; repeatable")
    add = parser.add_argument
    add("--seed-pairs", type=Path, metavar="FILE", help="JSONL of own pairs: {user: [wordings], assistant: [answers]}")
    add("--out", type=Path, required=True, metavar="FOLDER", help="where the results are written")
    add("--pretrain-epochs", type=int, default=2, metavar="N", help="passes over texts and pairs (default 2)")
    add("--dialogue-epochs", type=int, default=9, metavar="N", help="passes over the pairs as chats (default 9)")
    add("--seed", type=int, default=0, help="the same seed, data and machine give the same model (default 0)")
    add("--resume", action="store_true", help="go on from the checkpoint in --out, with the same data and seed")
    add("--verify", action="store_true", help="check the result in llama.cpp at the end")
    return parser.parse_args()


def read_corpus(options: argparse.Namespace) -> Corpus:
    """Reads and divides the data."""
    pairs = read_pairs(options.dialogue)
    corpus = Corpus(
        texts=read_texts(options.pretrain),
        pairs=[pair for index, pair in enumerate(pairs) if index % HELD_OUT_EVERY],
        seed_pairs=read_seed_pairs(options.seed_pairs),
        held_out=pairs[::HELD_OUT_EVERY],
    )
    print(
        f"{len(corpus.texts)} texts, {len(corpus.pairs)} pairs, {len(corpus.held_out)} held out, "
        f"{len(corpus.seed_pairs)} own pairs",
        flush=True,
    )
    return corpus


def plan(corpus: Corpus, tokenizer: Tokenizer, options: argparse.Namespace) -> tuple[list[Epoch], list[Epoch]]:
    """Returns the epochs of pre-training and those of dialogue."""
    sampler = Sampler(tokenizer, corpus.texts, options.seed)
    kept = without_questions_of(corpus.seed_pairs, corpus.pairs)
    text, chats = range(options.pretrain_epochs), range(options.dialogue_epochs)
    return (
        [Epoch(f"pretrain {number + 1}", sampler.text_rows(corpus.pairs, number)) for number in text],
        [Epoch(f"dialogue {number + 1}", sampler.dialogue_rows(kept, corpus.seed_pairs, number)) for number in chats],
    )


def learn(corpus: Corpus, tokenizer: Tokenizer, shape: Shape, options: argparse.Namespace) -> Parameters:
    """Trains the network and returns its parameters."""
    recipe = Recipe(seed=options.seed)
    pretraining, dialogue = plan(corpus, tokenizer, options)
    epochs = pretraining + dialogue
    transformation = optimiser(recipe, count_steps(pretraining, recipe), count_steps(epochs, recipe))
    parameters = initial_parameters(shape, options.seed)
    state = State(parameters, transformation.init(parameters))
    checkpoint = options.out / "checkpoint.npz"
    if options.resume:
        state = load_checkpoint(state, checkpoint)
    rows = Sampler(tokenizer, [], options.seed).validation_rows(corpus.held_out)
    validate = partial(validation_loss, rows=rows, shape=shape)
    update = update_function(shape, transformation)
    state = train(state, epochs, update, Course(recipe, checkpoint, validate))
    print(f"final validation loss {validate(state.parameters):.3f}", flush=True)
    return state.parameters


def main() -> None:
    """Trains the tokenizer and the network, and exports both."""
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    shape = Shape()
    corpus = read_corpus(options)
    spoken = [text for pair in corpus.pairs for text in (pair.user, pair.assistant)]
    tokenizer = train_tokenizer(corpus.texts + spoken, shape.vocabulary)
    save_tokenizer(tokenizer, options.out, shape.context)
    parameters = learn(corpus, tokenizer, shape, options)
    model = options.out / f"{MODEL_NAME}.gguf"
    export_gguf(parameters, tokenizer, shape, model)
    print(f"{model}: {model.stat().st_size / 1e6:.1f} MB", flush=True)
    if options.verify:
        questions = [pair.user for pair in corpus.held_out]
        verify.verify(model, tokenizer, rounded(parameters), shape, questions)


if __name__ == "__main__":
    main()
