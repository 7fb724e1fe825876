"""What a developer or a laptop needs beside the product: a real Kafka broker without Docker."""
