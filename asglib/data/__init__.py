"""Data sets: what a release is, its index, and the files themselves (paper section 3.1)."""
