"""Online detectors: numpy in, surprise in decades out. No I/O, no clock, nothing of monitor."""
