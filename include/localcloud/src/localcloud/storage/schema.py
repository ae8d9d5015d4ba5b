"""Tables of Cloud Storage; SQLite compares text by its UTF-8 bytes, the order of listings."""

STEPS = (
    """
    CREATE TABLE buckets (
      name TEXT PRIMARY KEY,
      project TEXT NOT NULL,
      metageneration INTEGER NOT NULL,
      resource TEXT NOT NULL,
      policy TEXT
    );
    CREATE TABLE objects (
      bucket TEXT NOT NULL REFERENCES buckets (name),
      name TEXT NOT NULL,
      generation INTEGER NOT NULL,
      metageneration INTEGER NOT NULL,
      live INTEGER NOT NULL,
      sha256 TEXT NOT NULL,
      size INTEGER NOT NULL,
      resource TEXT NOT NULL,
      PRIMARY KEY (bucket, name, generation)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX live_objects ON objects (bucket, name) WHERE live;
    CREATE TABLE notification_configs (
      bucket TEXT NOT NULL REFERENCES buckets (name) ON DELETE CASCADE,
      id INTEGER NOT NULL,
      resource TEXT NOT NULL,
      PRIMARY KEY (bucket, id)
    );
    CREATE TABLE uploads (
      id TEXT PRIMARY KEY,
      bucket TEXT NOT NULL,
      name TEXT NOT NULL,
      conditions TEXT NOT NULL,
      resource TEXT NOT NULL,
      begun_seconds INTEGER NOT NULL,
      outcome TEXT
    )
    """,
    """
    CREATE TABLE soft_deleted (
      bucket TEXT NOT NULL REFERENCES buckets (name) ON DELETE CASCADE,
      name TEXT NOT NULL,
      generation INTEGER NOT NULL,
      metageneration INTEGER NOT NULL,
      live INTEGER NOT NULL,
      sha256 TEXT NOT NULL,
      size INTEGER NOT NULL,
      resource TEXT NOT NULL,
      hard_delete_seconds REAL NOT NULL,
      PRIMARY KEY (bucket, name, generation)
    ) WITHOUT ROWID;
    CREATE INDEX soft_deleted_ends ON soft_deleted (hard_delete_seconds);
    CREATE TABLE part_uploads (
      id TEXT PRIMARY KEY,
      bucket TEXT NOT NULL REFERENCES buckets (name) ON DELETE CASCADE,
      name TEXT NOT NULL,
      resource TEXT NOT NULL,
      begun_seconds REAL NOT NULL
    );
    CREATE TABLE parts (
      upload TEXT NOT NULL REFERENCES part_uploads (id) ON DELETE CASCADE,
      number INTEGER NOT NULL,
      sha256 TEXT NOT NULL,
      size INTEGER NOT NULL,
      md5 TEXT NOT NULL,
      modified TEXT NOT NULL,
      PRIMARY KEY (upload, number)
    )
    """,
    "CREATE TABLE small_contents (sha256 TEXT PRIMARY KEY, content BLOB NOT NULL)",
)
