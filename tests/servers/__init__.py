"""Throw-away real servers for tests; each ends and takes its folder along when its test process ends, however it does."""
