"""cstui: a keyboard-driven terminal for call-center agents who look up customers and edit their orders."""

__version__ = "0.2.0"
