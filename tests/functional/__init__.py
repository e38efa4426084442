"""The product as its users meet it: a live server, real clients, hostile requests."""
