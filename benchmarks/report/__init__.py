"""From records to pages: what was measured as sections of tables and charts."""
