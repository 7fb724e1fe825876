"""Every named bound of the capture room: what hostile or broken input may cost at most."""

# --- Capture files and streams (files, feed, pcap, pcapng, compressed, merge) ---

BLOCK_FRAMES_MAX = 32_768
"""Frames in one block."""

BLOCK_BYTES_FIRST = 65_536
BLOCK_BYTES_MAX = 4_194_304
"""Bytes of capture in one block: small at first (a peek is cheap), growing to what still fits a cache."""

CAPTURED_MAX = 262_144
"""Captured bytes of one frame, as tcpdump and Wireshark bound it; a longer record is damage."""

WIRE_MAX = 16_777_216
"""Bytes on the wire that a record may claim without being doubted."""

PCAPNG_BLOCK_MAX = 16_777_216
"""Bytes of one pcapng block, as Wireshark bounds it; a longer block is damage."""

PCAPNG_INTERFACES_MAX = 4096
"""Interfaces of one pcapng section; packets of further ones are skipped and counted as damage."""

PCAPNG_OPTIONS_MAX = 1024
"""Options read of one interface description."""

STREAM_BUFFER_MAX = PCAPNG_BLOCK_MAX + BLOCK_BYTES_MAX
"""Bytes of a pipe or of decompressed data held at once; grows only as bytes really arrive."""

STREAM_GATHER_MS = 20
"""How long a live pipe gathers bytes for one block after the first have come."""

COMPRESSED_CHUNK = 32_768
"""Compressed bytes read and unpacked at once."""

DECOMPRESSED_CHUNK = 1_048_576
"""Bytes that one step of decompression may give."""

ZSTD_WINDOW_MAX = 134_217_728
"""Memory that a zstd frame may ask for (what `zstd -d` grants without --long)."""

WARNINGS_MAX = 100
"""Warning lines of one source; one last line says how many more damaged places there were."""

CLOCK_NEAR_S = 86_400
"""Seconds within which the time of a record is believed without looking at the records after it."""

# ---- slow path ----
LAYERS_PER_FRAME = 40  # headers walked in one frame before it is given up as `too_deep`
VLAN_TAGS = 8  # stacked 802.1Q/ad tags of one frame
MPLS_LABELS = 16  # label stack entries of one frame
IPV6_EXTENSIONS = 16  # extension headers of one IPv6 packet
TUNNEL_OPTIONS = 64  # options, tags or routing entries of one tunnel header

FRAGMENT_TIMEOUT_NS = 30_000_000_000  # packet time, from a datagram's first fragment on (RFC 8200 4.5: 60 s)
FRAGMENT_DATAGRAMS = 4_096  # datagrams in reassembly; the oldest is given up first
FRAGMENT_BYTES = 16 << 20  # of all datagrams in reassembly, with FRAGMENT_OVERHEAD a piece
FRAGMENT_OVERHEAD = 160  # what a held piece costs beside its bytes
FRAGMENT_PIECES = 1_536  # of one datagram: 65,535 bytes at IPv4's least MTU of 68
FRAGMENT_DONE_NS = 1_000_000_000  # how long a finished datagram is known, to drop its duplicates
FRAGMENT_DONE = 256  # finished datagrams known
DATAGRAM_BYTES = 65_535  # largest reassembled IP payload

TCP_CONNECTIONS = 20_000  # SIP connections and those not yet decided; the one idle longest goes first
TCP_IDLE_NS = 600_000_000_000  # packet time; a connection forgotten is picked up again at a start line
TCP_UNDECIDED_NS = 30_000_000_000  # the same, before the first payload told what it carries
TCP_UNDECIDED_BYTES = 8_192  # payload held before a connection must look like SIP or a SIP WebSocket
TCP_WINDOW = 1 << 20  # sequence numbers further away than this belong to another connection
TCP_PENDING_BYTES = 256 << 10  # out-of-order bytes held of one direction, with TCP_PENDING_OVERHEAD each
TCP_PENDING_OVERHEAD = 256  # what a held segment costs beside its bytes
TCP_BYTES = 64 << 20  # bytes held of all connections; the one idle longest is given up first
TCP_ACKNOWLEDGED_GAP_NS = 200_000_000  # the same as below, where the peer has acknowledged the hole
TCP_GAP_NS = 3_000_000_000  # packet time a hole may stay before it is skipped

SIP_START_LINE = 4_096  # bytes of a request or status line
SIP_HEAD = 65_536  # bytes of a SIP head in a stream
SIP_MESSAGE = 262_144  # bytes of a SIP message in a stream; of a longer one the body is cut

SCTP_ASSOCIATIONS = 4_096  # directions of associations known, the one idle longest goes first
SCTP_BYTES = 16 << 20  # bytes of unfinished messages of all associations
SCTP_SEEN = 256  # transmission sequence numbers remembered of one direction, to drop repeats
SCTP_FRAGMENTS = 256  # DATA chunks of unfinished messages held of one direction

# -- dissector, flows, batches --------------------------------------------------------------------------

FLOWS_MAX = 65_536
"""RTP flows a sensor knows at once; beyond it the longest silent of a sample is forgotten, counted."""

FLOW_IDLE_US = 300_000_000
"""A flow silent for longer is forgotten; its next packet begins a new one."""

PROBATION_IDLE_US = 10_000_000
"""As FLOW_IDLE_US, for a flow that has not shown two packets in sequence yet."""

PROBATION_KEPT = 8
"""Packets kept of a flow on probation; the oldest go first, counted."""

FLOW_PROBES = 96
"""Steps in the flow table's hash before a new flow is refused, counted."""

EVICTION_SAMPLE = 64
"""Flows looked at to find the one to forget when the table is full."""

BATCH_ROWS = 100_000
"""RTP packets after which a batch is sent."""

BATCH_US = 2_000_000
"""Packet time after which a batch is sent."""

DESCRIBE_US = 5_000_000
"""Packet time after which a flow's addresses are sent again."""

ROWS_MAX = 4_194_304
"""RTP packets held for the sort buffer (40 bytes each) before it is sent out unsorted, counted."""

SORT_BUFFER_MS = 1000
"""How far packet times may go back before a packet counts as misordered, unless told."""

SORT_BUFFER_MS_MAX = 10_000

WIRE_SORT_MS = 100
"""The same for packets from the wire: those of two interfaces, or processors, come so far apart."""

RING_MB = 64
"""Memory of an interface's packet ring unless told: a second of 2000 calls."""

RING_MB_MAX = 2048

ORDER_BYTES_MAX = 1 << 28
"""The largest file that is looked over beforehand for packets out of order; a second look costs 5 % there."""

CLOCK_JUMP_US = 60_000_000
"""A larger jump of packet time is a clock step, or one bad time."""

CLOCK_WITNESSES = 8
"""Packets that must follow without going back before a jump is believed."""

NOTES_MAX = 2048
"""SIP, RTCP and slow packets the kernel notes before it hands over."""

EXTENSION_HEADERS_MAX = 8
"""IPv6 extension headers, VLAN tags, MPLS labels followed in one packet."""

UDPTL_HINTS = 256
"""Addresses remembered from SDP as receivers of UDPTL, oldest out first."""

UDPTL_MEDIA = 4
"""Image streams looked at in one SIP message."""

PARTITIONED_FLOWS = 4 * FLOWS_MAX
"""Flows whose partition is remembered before those long silent are looked for and forgotten."""

# -- audio ----------------------------------------------------------------------------------------------

AUDIO_FRAMES_MAX = 64
"""Codec frames taken from one RTP packet; usual are 1 to 6."""

AUDIO_CODEC_PACKET = 1_500
"""Octets of a packet that a codec takes apart by itself (Opus, Speex): it could hold thousands of frames."""

AUDIO_PACKET_MS = 2_000
"""Sound taken from one RTP packet."""

AUDIO_BATCH = 256
"""Packets decoded at once."""

AUDIO_RESYNC_NS = 2_000_000_000
"""How far RTP's time may go from the time of arrival before it is taken for a new start of its clock."""

AUDIO_SEQUENCE_JUMP = 3_000
"""A larger jump of the sequence number is a restart (RFC 3550 A.1: MAX_DROPOUT)."""

AUDIO_BYTES_MAX = 0xFFFF_0000
"""Bytes of samples in one WAV: its lengths have 32 bits. 37 hours at 8 kHz in stereo, 6 at 48 kHz."""

# -- one call out of a capture --------------------------------------------------------------------------

CUT_BYTES = 1 << 30
"""Captured bytes of one call's frames, and of those that share its endpoints, held in memory."""

CUT_FRAMES_REMEMBERED = 8_388_608
"""Frames of which a walk keeps place and mark (28 bytes each), so that the next one need not look again."""

CUT_ENDPOINTS_PER_MESSAGE = 512
"""Endpoints read from one SIP message."""

CUT_FRAGMENTS = 4_096
"""Datagrams in fragments whose frames are held until it is known what they carry."""

CUT_STREAMS = 4_096
"""TCP connections and SCTP associations whose frames are held, idle longest out first."""

CUT_STREAM_BACK_BYTES = 65_536
"""How far before a call's first message its connection is kept; sixteen times that between its messages."""
