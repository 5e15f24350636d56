"""Screens: one view in, keys out."""
