"""The methodologies that come with the program: one file each, with its parameters beside it."""
