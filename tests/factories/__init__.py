"""Rows and published files to test with. Rights are given as rows; bytes go through the upload service."""
