"""The rules, one file for each kind of thing they find."""
