"""The documented limits of Pub/Sub that a client can run into.

Source: https://cloud.google.com/pubsub/quotas#resource_limits and the comments of
google/pubsub/v1/pubsub.proto.
"""

MAX_MESSAGES_PER_PUBLISH = 1000
MAX_PUBLISH_BYTES = 10_000_000
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_KEY_BYTES = 256
MAX_ATTRIBUTE_VALUE_BYTES = 1024
MAX_ORDERING_KEY_BYTES = 1024
RESERVED_ATTRIBUTE_PREFIX = "goog"

MAX_MESSAGES_PER_RESPONSE = 1000
MAX_RESPONSE_BYTES = 3_500_000
"""Messages in one response, unless a single one is larger; Google goes up to 10 MB.

Clients that find their server by PUBSUB_EMULATOR_HOST keep gRPC's default: they refuse over 4 MiB.
"""

MIN_ACK_DEADLINE_SECONDS = 10
MAX_ACK_DEADLINE_SECONDS = 600
DEFAULT_ACK_DEADLINE_SECONDS = 10

MIN_RETENTION_SECONDS = 600
MAX_RETENTION_SECONDS = 31 * 24 * 3600
DEFAULT_RETENTION_SECONDS = 7 * 24 * 3600
DEFAULT_EXPIRATION_SECONDS = 31 * 24 * 3600

MAX_BACKOFF_SECONDS = 600.0
DEFAULT_MINIMUM_BACKOFF_SECONDS = 10.0
DEFAULT_MAXIMUM_BACKOFF_SECONDS = 600.0

MIN_DELIVERY_ATTEMPTS = 5
MAX_DELIVERY_ATTEMPTS = 100
DEFAULT_DELIVERY_ATTEMPTS = 5

MAX_FILTER_BYTES = 256

DEFAULT_PAGE_SIZE = 1000

PULL_WAIT_SECONDS = 5.0
"""How long Pull waits for a first message; Google bounds the wait without stating the bound."""

REST_PULL_WAIT_SECONDS = 1.0
"""The same over HTTP, where a waiting call keeps a worker thread from others."""

SWEEP_SECONDS = 1.0
"""How soon a lease that nobody pulls for is found to have expired."""

RETENTION_SWEEP_SECONDS = 60.0
"""How often messages beyond their retention are dropped."""

MAX_ACK_REQUEST_BYTES = 512 * 1024

MAX_SNAPSHOT_SECONDS = 7 * 24 * 3600
MIN_SNAPSHOT_SECONDS = 3600
MIN_EXPIRATION_SECONDS = 24 * 3600

MAX_PUSH_WINDOW = 64
"""Most pushes of one subscription under way at once; Google's window grows to thousands."""

FIRST_CONNECT_SECONDS = 0.25
"""After this a push connects anew, with twice the patience. Servers made for development queue as
few as 5 connections; the system would try again for one that did not fit after 1, 3, 7 seconds."""

MAX_PUSHED_BYTES = 20_000_000
"""Messages of one subscription in memory while they are pushed; a last one may go beyond."""

FIRST_PUSH_WINDOW = 4
"""Google starts with "a small single-digit window size"."""

MIN_PUSH_BACKOFF_SECONDS = 0.1
MAX_PUSH_BACKOFF_SECONDS = 60.0

PUSH_MARGIN_SECONDS = 5
"""How much longer than its push a message is leased, so that its outcome finds the lease."""
