"""The key ring: what it is, how it is written down, where it lies, and who wraps its keys."""
