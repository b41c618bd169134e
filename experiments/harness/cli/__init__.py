"""The command line: a file for each command, and what `run` and `report` show."""
