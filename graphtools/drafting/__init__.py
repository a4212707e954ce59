"""Building and rebuilding a graph by hand: drafts, their edits, their shapes and their problems."""
