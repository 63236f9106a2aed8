"""Running templates on an author's machine, without server and store, for the commands and the test kit."""
