"""Which replica of a model answers a request. Pure: no I/O, no clock; randomness is given."""
