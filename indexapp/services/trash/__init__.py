"""The trash: what is deleted goes there first, can be had back, and goes for good after ``TPI_TRASH_DAYS``."""
