"""The models' own tokens: their files, their bytes, their chat templates."""
