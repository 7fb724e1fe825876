"""How rows are written: a table to read, JSON lines or CSV for a program."""
