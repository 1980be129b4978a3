"""Whole requests against a server that answers with canned replies: spotlane, its peers and the raw floor."""
