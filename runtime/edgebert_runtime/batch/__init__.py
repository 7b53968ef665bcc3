"""Jobs of many rows: deterministic units, shards that appear whole, engines that map over them."""
