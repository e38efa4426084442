"""What old mirrors and feed readers follow: the list with serials, the journal, the newest releases and projects.

Each shows what the index's list shows to the same reader, and is made in batches, so that its length costs no memory.
"""
