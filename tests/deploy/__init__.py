"""What is in deploy/, held against real tools."""
