"""Replication: what a primary gives, how a replica takes it, and who may."""
