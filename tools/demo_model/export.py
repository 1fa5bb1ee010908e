"""Writes the trained network and its vocabulary as GGUF for llama.cpp."""

import json
from pathlib import Path

import gguf
import numpy as np
from tokenizers import Tokenizer

from demo_model.model import Parameters, Shape
from demo_model.tokenizer import CHAT_TEMPLATE, END, IDS, PAD, SPECIAL_TOKENS

MODEL_NAME = "soban-demo"
LICENCE = "CC-BY-SA-4.0"


def export_gguf(parameters: Parameters, tokenizer: Tokenizer, shape: Shape, path: Path) -> None:
    """Writes `path`: matrices in F16, norms in F32, with tokenizer and chat template inside."""
    writer = gguf.GGUFWriter(path, "llama")
    _add_description(writer)
    _add_shape(writer, shape)
    _add_vocabulary(writer, tokenizer)
    for name, values in parameters.items():
        kind = np.float32 if values.ndim == 1 else np.float16
        writer.add_tensor(name, np.asarray(values).astype(kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def rounded(parameters: Parameters) -> Parameters:
    """Returns the parameters as the GGUF file holds them, for comparing the trainer with llama.cpp."""
    return {
        name: values if values.ndim == 1 else values.astype(np.float16).astype(np.float32)
        for name, values in parameters.items()
    }


def _add_description(writer: gguf.GGUFWriter) -> None:
    writer.add_name(MODEL_NAME)
    writer.add_description("A tiny Korean chat model that shows that Soban works; it is no assistant.")
    writer.add_license(LICENCE)
    writer.add_languages(["ko"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def _add_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_value_heads)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(shape.vocabulary)


def _add_vocabulary(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    """Adds tokens, merges and the chat template; chat tokens are CONTROL, so they never show in answers."""
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([control if token in SPECIAL_TOKENS else normal for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(IDS[END])  # llama.cpp wants one; add_bos_token False keeps it out of prompts
    writer.add_eos_token_id(IDS[END])
    writer.add_eot_token_id(IDS[END])
    writer.add_pad_token_id(IDS[PAD])
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)
