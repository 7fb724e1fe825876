"""What a running process says of itself: health, metrics, logs."""
