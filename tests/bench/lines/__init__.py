"""The lines of the table, by what they are about; each function measures and adds some."""
