"""Quality studies: what the detectors find and what it costs in wrong pages, on known truth."""
