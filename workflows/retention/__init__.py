"""What is forgotten when it is old, in every context."""
