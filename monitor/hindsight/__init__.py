"""What can be said of incidents once their logs are at hand: why, and what if."""
