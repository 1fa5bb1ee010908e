"""The OpenAI HTTP API over the same flow as gRPC."""
