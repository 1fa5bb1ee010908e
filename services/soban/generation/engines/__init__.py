"""One adapter for each kind of engine, and what adapters share: events, text, stop texts, pace."""
