"""Everything on one machine, without Docker: `make stack`, and what the tests start."""
