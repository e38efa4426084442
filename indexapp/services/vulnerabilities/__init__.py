"""What is known of vulnerabilities: how it comes in, whom it concerns, and what is asked of it."""
