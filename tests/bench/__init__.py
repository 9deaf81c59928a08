"""Speed, measured as ratios in one run. Not a test: nothing here can fail."""
