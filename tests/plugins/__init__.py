"""What has to stand before the settings are read."""
