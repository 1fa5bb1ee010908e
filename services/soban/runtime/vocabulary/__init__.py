"""A model's own files: its tokens as ids and bytes, its chat template. Tokenization and generation read them alike."""
