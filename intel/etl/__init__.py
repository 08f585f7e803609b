"""What is a clean row? Pure functions from raw batches to clean ones; bad rows become counted issues."""
