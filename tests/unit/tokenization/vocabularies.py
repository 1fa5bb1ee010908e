"""Small tokenizers of the kinds that models have, made on the spot, with the files that stand beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from unit.tokenization.korean import SENTENCES

BOS, END, USER = "<|begin|>", "<|end|>", "<|user|>"
TOOL = "<tool_call>"

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message.role + '|>' + message.content + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

CONFIG: dict[str, Any] = {
    "bos_token": {"content": BOS},
    "eos_token": END,
    "unk_token": None,
    "model_max_length": 512,
    "chat_template": TEMPLATE,
}


def byte_level(*, nfc: bool = False, adds_bos: bool = False) -> Tokenizer:
    """As Llama 3, Qwen and the bundled model have it: every byte has a token."""
    tokenizer = Tokenizer(models.BPE())
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[BOS, END, USER],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.add_tokens([AddedToken(TOOL, special=False, normalized=False)])
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{BOS} $A {END}", special_tokens=[(BOS, 0), (END, 1)]
        )
    return tokenizer


def sentencepiece(*, prefix: bool) -> Tokenizer:
    """As Llama 2 (with a space before the text) and Gemma have it: spaces as ▁, unknown characters as bytes."""
    vocabulary = {"<unk>": 0, BOS: 1, END: 2, **{f"<0x{byte:02X}>": 3 + byte for byte in range(256)}}
    for char in ["▁", *dict.fromkeys("".join(SENTENCES[:4]).replace(" ", ""))]:
        vocabulary.setdefault(char, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    space: Any = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), space]) if prefix else space
    strip = [decoders.Strip(" ", 1, 0)] if prefix else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    tokenizer.add_special_tokens([BOS, END])
    return tokenizer


def lower_casing() -> Tokenizer:
    """As BERT has it: its bytes are not those of the text."""
    words = sorted({word.lower() for sentence in SENTENCES for word in sentence.split()} | {"abc"})
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, **{word: at for at, word in enumerate(words, 1)}}, "<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path, config: dict[str, Any] | None = None) -> Path:
    """The path of `tokenizer.json` in `folder`, with `tokenizer_config.json` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    (folder / "tokenizer_config.json").write_text(json.dumps(CONFIG if config is None else config), encoding="utf-8")
    return path
