# ruff: noqa: T201 - an example prints
"""A streamed chat over gRPC. Needs the base install (`pip install soban`) and a running stack (`soban up`)."""

from __future__ import annotations

import sys

import grpc

import soban.v1 as pb


def main(address: str = "127.0.0.1:50051", text: str = "안녕하세요, 오늘 하루 힘들었어요.") -> None:
    """Writes the answer while it comes, then what was used and what safety decided."""
    request = pb.ChatRequest(
        model="soban-demo",
        messages=[pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=text)])],
        options=pb.GenerationOptions(max_tokens=64, temperature=0.7),
    )
    with grpc.insecure_channel(address) as channel:
        stub = pb.ChatServiceStub(channel)
        for event in stub.StreamChat(pb.StreamChatRequest(chat=request), timeout=60):
            if event.HasField("delta"):
                print(event.delta.text, end="", flush=True)
            if event.HasField("summary"):
                actions = [pb.Action.Name(verdict.action) for verdict in event.summary.verdicts]
                print(f"\n{event.summary.usage.output_tokens} tokens, safety: {', '.join(actions)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
