"""Bounds and times of the log over Kafka."""

from typing import Final

from schemas.bounds import VALUE_BYTES

STATE_PIECE_BYTES: Final = 512 << 10
"""A longer state value is stored in pieces of so many bytes: brokers refuse records over 1 MiB."""

STATE_VALUE_BYTES: Final = 64 << 20
"""Longest state value of one key."""

STATE_KEY_BYTES: Final = 64 << 10
"""Longest key of a state value."""

STATE_BATCH_BYTES: Final = 256 << 10
"""What a producer of a stage puts together before it sends; a longer record goes alone."""

PUBLISHED_BATCH_BYTES: Final = 1 << 20
"""The same for capture's publisher."""

RECORD_BYTES: Final = VALUE_BYTES + (1 << 16)
"""Longest record sent: a framed value, its key and head."""

UNACKNOWLEDGED_BYTES: Final = 64 << 20
"""What a publisher holds that no broker has acknowledged; beyond, it makes its caller wait."""

FETCH_BYTES: Final = 4 << 20
"""What a reader asks for of one partition at a time; one longer record still comes whole."""

OPEN_S: Final = 120.0
"""Longest time to fence the former owner and read the state."""

SILENCE_S: Final = 30.0
"""A restore that hears nothing for so long gives up."""

COMMIT_S: Final = 30.0
"""Longest time of one step's transaction; brokers have aborted it long before."""

TRANSACTION_TIMEOUT_MS: Final = 10_000
"""After so long brokers abort what a dead owner left open, which until then hides all behind it."""

STOP_S: Final = 3.0
"""How long a client may take to close before its connections are cut."""

ANSWER_S: Final = 10.0
"""How long a reader waits for an answer about offsets. aiokafka waits for a coordinator for ever."""

REGISTRY_S: Final = 10.0
"""How long a schema registry may take to answer."""

REGISTRY_BYTES: Final = 4 << 20
"""Longest answer of a schema registry."""

REGISTRY_IDS: Final = 1024
"""Ids of schemas that are not ours which we remember, so as not to ask again."""
