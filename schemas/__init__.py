"""The events: their records, one Avro schema a file, framing, and the compatibility check."""
