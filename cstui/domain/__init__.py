"""Pure rules, states, money and errors. Imports the standard library alone."""
