"""Names that stand for a strategy over other names: fallback, cascade, vote, split."""
