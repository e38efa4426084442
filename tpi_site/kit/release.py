"""Which release this is; a test compares it with the project's own metadata."""

RELEASE = "0.1.0"
