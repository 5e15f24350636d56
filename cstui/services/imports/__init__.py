"""Data that comes in from other systems' exports: read as a stream, matched to who is known, stored batch by batch."""
