"""The demo's rows: made up from a seed and a day alone, so that both give the same database again."""
