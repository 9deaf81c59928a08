"""What helps to run Foreshock."""
