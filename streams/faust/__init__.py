"""The runner over Kafka: Faust hands events to the stages, one step is one transaction."""
