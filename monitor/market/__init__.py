"""What is known of every symbol at the end of a bin: its book, its positions, its prices."""
