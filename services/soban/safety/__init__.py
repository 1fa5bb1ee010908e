"""The safety service: finds personal data and abuse, masks or blocks by policy, also while text streams."""
