"""One call as a page on the terminal."""
