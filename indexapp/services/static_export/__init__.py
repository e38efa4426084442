"""An index as a tree of files that any web server serves, and that a mirror site copies."""
