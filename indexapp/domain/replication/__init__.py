"""What travels between a primary and its replicas, free of any database."""
