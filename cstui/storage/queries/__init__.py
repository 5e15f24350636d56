"""SQL by noun: statements and the reading of their rows."""
