"""The models' own tokens: where their files are, the parts of a text that they stand for."""
