"""Widgets: paint what they are given."""
