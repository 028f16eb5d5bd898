"""The command `executor`: one module for each subcommand, and one that parses the line."""
