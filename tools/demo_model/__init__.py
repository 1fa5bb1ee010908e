"""The parts of `tools/train_demo_model.py`: corpus, tokenizer, batches, model, training, export, verification."""
