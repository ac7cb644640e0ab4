"""Actions, and one file for each kind that turns a recipe into them: compile, link, command, disk."""
