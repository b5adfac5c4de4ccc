"""The content API over HTTP: who asks, what they may, and the answer as PostgreSQL wrote it."""
