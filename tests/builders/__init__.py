"""Builders of real artefacts for tests: sound wheels and sdists, and archives with one thing broken."""
