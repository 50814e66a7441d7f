"""What people look at: the summary in words, and maps."""
