"""Morphology in processes of its own: jobs, the workers that do them, and what puts the answers together."""
