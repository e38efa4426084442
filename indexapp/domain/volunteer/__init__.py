"""What a volunteer asks for in the one file that a public mirror has, and what is told of it."""
