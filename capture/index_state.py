"""What the index kernels and their callers tell each other: statuses, and the slots of the state array."""

WINDOW_DONE = 0  # the window's `stop` is reached, or the columns are full
SHORT = 1  # a record ends behind `end`
DAMAGED = 2  # what stands at the position is no record
BLOCK_OF_INTEREST = 3  # pcapng: a section or interface block stands at the position, whole
BAD_PACKET = 4  # pcapng: a whole packet block whose contents contradict it stands at the position

POSITION = 0  # where the walk goes on
STATUS = 1
LAST_TIME = 2  # seconds (pcap) or ns (pcapng) of the last believed record; -1: none yet
LAST_START = 3  # where the last record given out starts; -1: none in this window
TOUCHED = 4  # of no meaning: keeps the touching of memory from being optimised away
STATE_SLOTS = 5
