"""Commands that talk to Kafka."""
