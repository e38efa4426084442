"""Mirror sites: who they are, how they do, and which of them a reader is given a file from."""
