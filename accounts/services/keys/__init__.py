"""The key ring's life: new keys, all that is sealed wrapped anew under them, and old keys removed."""
