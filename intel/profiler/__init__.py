"""What do we know about this subject? Every answer that the command line and the app show."""
