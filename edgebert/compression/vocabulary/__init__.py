"""A vocabulary without the tokens that a corpus or some languages do not need."""
