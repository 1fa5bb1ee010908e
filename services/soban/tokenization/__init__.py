"""Korean morphology and the tokens of the served models, on one axis of offsets."""
