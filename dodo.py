"""What doit shows."""
