"""One function a release: its folder to an index (paper section 3.1)."""
