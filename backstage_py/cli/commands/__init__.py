"""The commands, one module each, named as the command; imported when the command is used."""
