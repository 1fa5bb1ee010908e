"""The front door: a chat that is checked, generated and filtered in one call, over gRPC and the OpenAI HTTP API."""
