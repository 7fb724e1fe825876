"""What is wrong with data that is good Avro."""


class BadColumnsError(ValueError):
    """Sizes, columns and rows of a batch do not agree."""
