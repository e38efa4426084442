"""A public mirror of another index or of a part of it, kept in a folder without an installation of TPI."""
