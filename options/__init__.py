"""Options of the programs: declared once, read from the command line and the environment."""
