"""The words that the dissector kernel and the Python around it share: flat int64 arrays, by index.

Every constant is a plain int, as a kernel's globals have to be.
"""

# fmt: off
# -- control: what the kernel is told and what it remembers between calls ------------------------------
C_LINK = 0            # link type of the block's frames
C_NEXT = 1            # next frame to look at
C_FRAMES = 2          # frames in the block
C_INNER = 3           # 1: the frame was made of a datagram of the slow path
C_CLOCK = 4           # running maximum of packet time, µs (never goes back)
C_HEAD = 5            # running maximum since the last clock step, µs
C_FLUSHED = 6         # watermark of the last flush, µs
C_FLUSH_AT = 7        # C_HEAD at the last flush, µs
C_ROWS_START = 8      # first held row; rows are numbered on and on, and lie in a ring
C_ROWS_END = 9        # past the last held row
C_ROWS_MASK = 10      # rows in the ring, less one
C_ROWS_NEW = 11       # rows since the last flush
C_DISORDER = 12       # largest lag of a held row's key behind the key before it, µs
C_DISORDER_ROW = 13   # row at which the last one of these lies
C_LAST_KEY = 14       # largest key of the rows
C_NOTES = 15          # notes taken
C_TABLE_MASK = 16     # size of the hash table, less one
C_SLOTS = 17          # slots used
C_SLOTS_MAX = 18
C_HAND = 19           # where the search for a flow to forget goes on
C_FLOW = 20           # next flow number
C_LIVE = 21           # entries of the live list
C_SEED = 22           # secret of the hash
C_HINTS = 23          # UDPTL addresses known
C_HINT_PORTS = 24     # Bloom word of their ports (port & 63)
C_TABLED = 25         # entries of the hash table
C_WATERMARK = 26      # of the gather: rows up to here are sent
C_SENT = 27           # out: rows gathered
C_PRESENT = 28        # out: flows gathered
C_DESCRIBED = 29      # out: flows to describe
C_SMALL = 30          # out: small payloads gathered
C_SCANNED = 31        # gather: past the last row looked at
C_FIRST_KEPT = 32     # gather: first row that stays
C_ASK = 33            # out: IP header of a TCP segment on other ports that may carry SIP, -1 none
C_ASK_PORTS = 34      # out: its ports, src << 16 | dst
C_SORT_BUFFER = 35    # how far packet times may go back before a packet is misordered, µs
CONTROL_WORDS = 40

# -- what the kernel stops for --------------------------------------------------------------------------
STOP_DONE = 0         # all frames seen
STOP_FLUSH = 1        # a batch is due
STOP_SLOW = 2         # frame C_NEXT - 1 is for the slow path
STOP_NOTES = 3        # notes are full
STOP_TABLE = 4        # the hash table has to grow
STOP_ROWS = 5         # no room for rows
STOP_OFFER = 6        # the last note's SIP message speaks of udptl
STOP_DISORDER = 7     # gather: rows of a flow are not in order of key

# -- rows: RTP packets held for the sort buffer ---------------------------------------------------------
ROW_KEY = 0           # place in the sensor's order, µs
ROW_ARRIVAL = 1       # packet time, µs
ROW_HEAD = 2          # timestamp << 32 | sequence << 16 | marker_type << 8 | small
ROW_SLOT = 3          # slot << 32 | length << 16 | IPv4 id
ROW_SMALL = 4         # payload of up to 8 bytes, little-endian
ROW_WORDS = 5

# -- flows: one slot each; what every packet touches is one cache line -----------------------------------
F_ADDRESS = 0         # IPv4 src + dst, or first half of the IPv6 src; bytes in wire order
F_PORTS = 1           # src port << 48 | dst port << 32 | SSRC
F_INFO = 2            # flow number << 32 | meta << 3 | flags; meta: (vlan + 1) << 16 | ttl << 8 | dscp
F_LAST = 3            # key of the last packet, µs
F_RECENT = 4          # 4 words: the packet last heard with sequence & 3
F_ADDRESS_2 = 8       # 3 words: the rest of IPv6 src, dst
F_FIRST_META = 11     # meta of the first packet
F_SENT_META = 12      # as last described, -1 never
F_DESCRIBED = 13      # clock at the last description, µs
F_KEPT = 14           # packets kept in probation
F_TAG = 15            # its tag in the hash table
F_COPIES = 16         # mirrored copies dropped since the last gather
FLOW_WORDS = 24

FLAG_PASSED = 1
FLAG_IPV6 = 2
FLAG_UDPTL = 4
FLAG_KIND = 6         # what belongs to the key
META_SHIFT = 3
NUMBER_SHIFT = 32

# -- tally: what the gather needs of each slot for every row --------------------------------------------
T_KEY = 0             # key of the last row gathered
T_AT = 1              # rows to gather, then where the next one goes
TALLY_WORDS = 2

SLOT_BITS = 24        # live list: flow number << SLOT_BITS | slot

# -- kept: packets of flows in probation (PROBATION_KEPT a slot), as rows without key and slot -----------
KEPT_ARRIVAL = 0
KEPT_HEAD = 1
KEPT_LENGTH = 2       # length << 16 | IPv4 id
KEPT_SMALL = 3
KEPT_WORDS = 4

# -- notes: packets that Python looks at ----------------------------------------------------------------
N_KIND = 0
N_PAYLOAD = 1         # first byte of the UDP payload in the buffer
N_CAPTURED = 2        # its captured bytes
N_WIRE = 3            # its bytes on the wire
N_IP = 4              # first byte of the IP header
N_IPV6 = 5            # 1: IPv6
N_META = 6            # (vlan + 1) << 16 | ttl << 8 | dscp
N_PORTS = 7           # src port << 16 | dst port
N_ARRIVAL = 8
N_KEY = 9
N_PLAIN = 10          # 1: SIP by its first line, with nothing to mask (capture/sip_kernel.py)
NOTE_WORDS = 11

NOTE_SIP = 1          # looks like SIP
NOTE_SIP_PORT = 2     # does not, but is on a SIP port
NOTE_RTCP = 3
NOTE_OFFER = 4        # looks like SIP, and speaks of udptl

# -- hints: receivers of UDPTL from SDP -----------------------------------------------------------------
H_ADDRESS = 0         # 2 words, as in flows
H_PORT = 2            # port << 1 | IPv6
HINT_WORDS = 3

# -- counters ---------------------------------------------------------------------------------------------
(
    COUNT_RTP, COUNT_RTCP, COUNT_UDPTL, COUNT_STUN, COUNT_DTLS, COUNT_TURN, COUNT_OTHER_UDP, COUNT_EMPTY_UDP,
    COUNT_OTHER_TCP, COUNT_NOT_UDP, COUNT_NOT_IP, COUNT_MALFORMED, COUNT_TRUNCATED, COUNT_SLOW, COUNT_COPIES,
    COUNT_UNCONFIRMED, COUNT_MISORDERED, COUNT_FLOWS, COUNT_FLOWS_EVICTED, COUNT_FLOWS_REFUSED,
) = range(20)
COUNTERS = 20
# fmt: on
