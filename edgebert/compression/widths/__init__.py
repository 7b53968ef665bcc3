"""Which heads and feed-forward neurons of an encoder stay, and an encoder that has only these."""
