"""One call out of captures: its messages, the endpoints it announced, and the frames that carry both."""
