# ruff: noqa: T201 - an example prints
"""Morphemes of a sentence over gRPC, with their places in the text as it was sent."""

from __future__ import annotations

import sys

import grpc

import soban.v1 as pb


def main(address: str = "127.0.0.1:50061", text: str = "친구랑 영화를 봤는데 정말 재미있었어요.") -> None:
    """One morpheme a line."""
    with grpc.insecure_channel(address) as channel:
        answer = pb.TokenizationServiceStub(channel).Analyze(pb.AnalyzeRequest(text=text), timeout=10)
    for morpheme in answer.analyses[0].morphemes:
        span = morpheme.span
        print(f"{morpheme.form}/{morpheme.tag}\t{morpheme.lemma}\t{text[span.start : span.end]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
